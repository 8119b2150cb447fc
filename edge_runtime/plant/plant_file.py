"""A plant's file: ``[machine.NAME]`` for each machine, ``[defaults]`` for all of them.

The keys are the options of `saelite run`, without their dashes. In every text ``{machine}`` is the machine's name and
``${NAME}`` an environment variable, which no message shows.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from edge_runtime.common.setting import Setting, all_settings, made
from edge_runtime.errors import UsageError
from edge_runtime.plant.conflicts import report_conflicts
from edge_runtime.plant.texts import Secrets, UnsetVariableError
from edge_runtime.plant.toml_file import TomlFile
from edge_runtime.plant.values import toml_text, value_of_toml
from edge_runtime.running.settings import MachineSettings

DEFAULTS, MACHINE = "defaults", "machine"
SETTINGS: dict[str, Setting] = {one.word: one for one in all_settings(MachineSettings)}
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class NamedMachine:
    """A machine of a plant.

    Parameters
    ----------
    name : str
    settings : MachineSettings
    """

    name: str
    settings: MachineSettings


@dataclass(frozen=True)
class PlantSettings:
    """What a plant's file says.

    Parameters
    ----------
    machines : tuple of NamedMachine
    secrets : Secrets
        Hides the environment's values in messages.
    """

    machines: tuple[NamedMachine, ...]
    secrets: Secrets


def read_plant(path: Path, environment: Mapping[str, str] | None = None) -> PlantSettings:
    """Read a plant's file.

    Parameters
    ----------
    path : Path
    environment : mapping of str to str, optional
        Variables for ``${NAME}``; by default the process's.

    Raises
    ------
    PlantFileError
        If it cannot be read, or has mistakes; the message has a line for each, with the file's line.
    MissingExtraError
        If this Python has no TOML parser.
    """
    file = TomlFile.read(path)
    secrets = Secrets(os.environ if environment is None else environment)
    tables = _machine_tables(file)
    file.raise_problems()
    machines = [_machine(file, name, secrets) for name in tables]
    found = tuple(machine for machine in machines if machine is not None)
    report_conflicts(file, {machine.name: machine.settings for machine in found}, secrets)
    file.raise_problems()
    return PlantSettings(found, secrets)


def _machine_tables(file: TomlFile) -> tuple[str, ...]:
    """Return the machines' names; report tables and keys that a plant's file does not have."""
    for key in file.content:
        if key not in (DEFAULTS, MACHINE):
            guess = _nearest(key, (DEFAULTS, MACHINE))
            hint = f" Did you mean {guess}?" if guess else ""
            file.report(file.line_of(key), f"expected [{DEFAULTS}] and [{MACHINE}.NAME]. Received: {key}.{hint}")
    _check_table(file, DEFAULTS)
    _check_table(file, MACHINE)
    machines = file.content.get(MACHINE, {})
    names = tuple(machines) if isinstance(machines, dict) else ()
    if machines == {}:
        file.report(file.line_of(MACHINE), f"no machine. Expected at least one table [{MACHINE}.NAME].")
    for name in names:
        _check_table(file, MACHINE, name)
        if not _NAME.fullmatch(name):
            line = file.line_of(MACHINE, name)
            file.report(line, f"name of a machine: expected letters, digits, - and _. Received: {toml_text(name)}")
    return names


def _check_table(file: TomlFile, *keys: str) -> None:
    """Report what is no table, and keys that are no settings."""
    table: Any = file.content
    for key in keys:
        table = table.get(key, {})
    if not isinstance(table, dict):
        where = ".".join(keys)
        file.report(file.line_of(*keys), f"{where}: expected a table, [{where}]. Received: {toml_text(table)}")
    elif keys != (MACHINE,):
        for word in set(table) - set(SETTINGS):
            file.report(file.line_of(*keys, word), _unknown(word, ".".join(keys)))


def _unknown(word: str, table: str) -> str:
    guess = _nearest(word.replace("_", "-").lower(), SETTINGS)
    hint = f"Did you mean {guess}?" if guess else "`saelite config example` lists all keys."
    return f"no such key in [{table}]: {word}. {hint}"


def _nearest(word: str, words: Iterable[str]) -> str:
    return next(iter(difflib.get_close_matches(word, list(words), 1, 0.6)), "")


def _machine(file: TomlFile, name: str, secrets: Secrets) -> NamedMachine | None:
    values: dict[str, Any] = {}
    tables = {(DEFAULTS,): file.content.get(DEFAULTS, {}), (MACHINE, name): file.content[MACHINE][name]}
    is_good = True
    for word, one in SETTINGS.items():
        given = next((keys for keys in reversed(tables) if word in tables[keys]), None)
        if given is None:
            is_good = is_good and not _is_missing(file, name, one)
            continue
        try:
            fill = partial(secrets.filled, machine=name)
            values[one.name] = value_of_toml(one, tables[given][word], fill, file.path.parent)
        except UnsetVariableError as error:
            is_good = False
            file.report(file.line_of(*given, word), f"{word}: {error}")
        except UsageError as error:
            is_good = False
            file.report(file.line_of(*given, word), str(error))
    return _made(file, name, values, secrets) if is_good else None


def _is_missing(file: TomlFile, name: str, one: Setting) -> bool:
    if one.is_required:
        line = file.line_of(MACHINE, name)
        file.report(line, f"[{MACHINE}.{name}] has no {one.word}. Expected one there or in [{DEFAULTS}].")
    return one.is_required


def _made(file: TomlFile, name: str, values: dict[str, Any], secrets: Secrets) -> NamedMachine | None:
    try:
        return NamedMachine(name, made(MachineSettings, values))
    except UsageError as error:
        # Values that are good alone but not together; the message begins with a setting's name.
        word = str(error).partition(":")[0].replace("_", "-")
        line = file.line_in(((MACHINE, name), (DEFAULTS,)), word)
        file.report(line, secrets.hidden(str(error)))
        return None
