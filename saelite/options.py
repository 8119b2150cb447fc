"""Options that several commands share, each listed once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from edge_runtime.common.setting import Setting, settings_of
from edge_runtime.inference.opening import Opening
from saelite.option_types import RowsType
from saelite.setting_options import all_of, option_of, settings_options
from training.settings import Selection

F = TypeVar("F", bound=Callable[..., Any])
with_opening = settings_options(Opening, "opening")


def _selected(name: str) -> Setting:
    return next(one for one in settings_of(Selection) if one.name == name)


label_option = option_of(_selected("label"))


def rows_option(help_text: str) -> Callable[[F], F]:
    """``--rows START:STOP``."""
    forms = _selected("rows").text.partition("START:STOP")[2]
    return click.option(
        "--rows", type=RowsType(), default=":", show_default=True, help=f"{help_text} START:STOP{forms}"
    )


def sign_option(function: F) -> F:
    """``--sign KEY``."""
    return click.option(
        "--sign",
        "key",
        type=click.Path(path_type=Path),
        help="Private key to sign the file with (see saelite keygen).",
    )(function)


def seeds_option(repeated: str) -> Callable[[F], F]:
    """Return the option of benchmarks that repeat something with several seeds."""
    return click.option("--seeds", default=3, show_default=True, type=click.IntRange(1),
                        help=f"Number of {repeated}, with seeds 0, 1, …")  # fmt: skip


def fleet_options(resumed: str) -> Callable[[F], F]:
    """Options of commands that work on many assets: ``--by``, ``--cluster``, ``--workers`` and ``--resume``."""
    return all_of([
        click.option("--by", default="asset", show_default=True, metavar="NAME",
                     help="Column that names the asset, or key of the Hive partitions."),
        click.option("--cluster", metavar="ADDRESS",
                     help="Dask cluster: tcp://HOST:PORT, a scheduler file (.json), or local:N.  [default: none]"),
        click.option("--workers", type=click.IntRange(0), metavar="N",
                     help="Processes of this machine; 0 works in one process.  [default: one for each core]"),
        click.option("--resume", is_flag=True, help=resumed),
    ])  # fmt: skip
