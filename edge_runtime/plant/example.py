"""A plant's file with every key, made from the settings themselves."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_runtime.common.setting import Range, Setting
from edge_runtime.plant.plant_file import DEFAULTS, MACHINE, SETTINGS
from edge_runtime.plant.values import setting_in_toml

_HEAD = """\
# A plant: several machines, watched by one process.
#
#   saelite config check plant.toml    says what is wrong with it, and where
#   saelite run plant.toml             watches the machines until it is stopped
#   saelite service plant.toml --print writes a systemd unit
#
# The keys are the options of `saelite run`. In texts, {machine} is the machine's name and ${NAME} an environment
# variable: passwords and tokens belong there. $$ is a dollar sign. Models and public keys are named from this
# file's folder, everything else from the working directory.
"""


def example_plant() -> str:
    """Return the text of a plant's file in which every key is explained.

    Returns
    -------
    str
        TOML. Keys with a default are comments; without their ``#`` they are valid too.
    """
    return "\n".join([_HEAD, *_defaults(), *_machines()]) + "\n"


def _defaults() -> Iterator[str]:
    yield f"# What all machines share; a machine's own keys win.\n[{DEFAULTS}]"
    for one in SETTINGS.values():
        if not one.is_required:
            yield f"{_comment(one.text)}\n#{setting_in_toml(one, example_value(one))}\n"


def _machines() -> Iterator[str]:
    for number in (1, 2):
        yield f"[{MACHINE}.pump{number}]"
        for one in SETTINGS.values():
            if one.is_required:
                yield from (_comment(one.text),) if number == 1 else ()
                yield setting_in_toml(one, example_value(one))
        yield ""


def example_value(one: Setting) -> Any:
    """Return a valid value of a setting: its default if it has one that can be written."""
    if not one.is_required and one.default not in (None, ()):
        return one.default
    if one.example is not None:
        return one.example
    if one.choices:
        return one.choices[0]
    text = one.metavar or one.word.upper()
    return {
        bool: True,
        int: 1,
        float: _inside(one.within),
        str: text,
        Path: Path(text.lower()),
        tuple: (text.lower(),),
    }[one.kind]


def _inside(within: Range | None) -> float:
    """Return a plain number of a range.

    >>> _inside(Range(0, 1, high_open=True)), _inside(Range(5))
    (0.01, 60.0)
    """
    return next((number for number in (0.01, 60.0) if within is None or number in within), 60.0)


def _comment(text: str) -> str:
    return "\n".join(textwrap.wrap(" ".join(text.split()), 118, initial_indent="# ", subsequent_indent="# "))
