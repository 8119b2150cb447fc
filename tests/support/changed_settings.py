"""Settings of a run, each with another value than its default."""

from pathlib import Path

from edge_runtime.common.setting import all_settings, made
from edge_runtime.running.settings import MachineSettings


def other_than(one):
    """Return a value of a setting that is not its default."""
    if one.choices:
        return next(choice for choice in one.choices if choice != one.default)
    if one.kind is tuple:
        items = {str: ("a", "b"), Path: (Path("a"), Path("b")), int: (2, 3)}
        return items[one.item]
    if one.form == "bounds":
        return "7d,50MB"
    if one.name == "align":
        return "2s:mean"
    numbers = [number for number in (0.25, 0.01, 60.0) if one.within is None or number in one.within]
    values = {bool: not one.default, int: 7, float: numbers[0], str: "else", Path: Path("else")}
    return values[one.kind]


def changed_settings():
    """Return the settings of a machine with no default among them."""
    return made(MachineSettings, {one.name: other_than(one) for one in all_settings(MachineSettings)})
