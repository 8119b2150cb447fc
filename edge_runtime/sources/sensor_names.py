"""The sensors of a source without given names, taken from its first reading."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_runtime.tables.table import Header


class SensorNames(list[str]):
    """Names of sensors, empty until the first reading has told them.

    Examples
    --------
    >>> names = SensorNames()
    >>> names.find_in({"time": 0, "flow": 1.5, "unit": "l/s"})
    >>> names.find_in({"heat": 20})
    >>> names
    ['flow']
    """

    def find_in(self, item: Any) -> None:
        """Take the names from a reading, unless they are known: a mapping's, or sensor0, sensor1 … of a sequence."""
        if self:
            return
        if isinstance(item, Mapping):
            candidates = Header(tuple(str(name) for name in item)).candidates
            self += [name for name in candidates if item.get(name) is None or is_number(item.get(name))]
        elif not isinstance(item, (str, bytes)) and hasattr(item, "__len__"):
            self += [f"sensor{place}" for place in range(len(item))]


def is_number(value: Any) -> bool:
    """Return whether a value can be a sensor's.

    >>> is_number("12.5"), is_number(3), is_number("on"), is_number(True)
    (True, True, False, False)
    """
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return not isinstance(value, bool)
