"""The protocol of every source, and the readings it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from edge_runtime.signal.readings import Readings, no_readings
from edge_runtime.sources.sensor_names import SensorNames
from edge_runtime.tables.table import TIME_NAMES


class SourceLost(Exception):  # noqa: N818 - it may come back: not every loss is an error
    """A source is unavailable for now; reopening it may help."""


class Source(Protocol):
    """A stream of readings that can be polled without blocking."""

    name: str
    is_live: bool
    """Whether readings come as they are made; a file's were made before."""
    patience_s: float
    """How long it can wait for a slow sink, in seconds: infinite for a file, zero for a live sensor."""

    def poll(self, timeout_s: float) -> Readings | None:
        """Return the available readings, waiting at most `timeout_s` for the first one; None at the end.

        Raises
        ------
        SourceLost
            If the source is unavailable for now.
        RecordingError
            If the source can never be read.
        """

    def stop(self) -> None:
        """Accept no more input; readings already received can still be polled."""

    def close(self) -> None:
        """Release the device, file or connection."""


def mapping_decoder(sensors: Sequence[str]) -> Callable[[Any], tuple[float, list[float]] | None]:
    """Return a function that turns an object into (time, values), or into None if it is not a reading.

    A reading is a mapping by sensor name, optionally with a time under one of the usual names, or a sequence in
    the model's order. Values that are not numbers become NaN. Empty `SensorNames` are filled
    from the first reading.

    Examples
    --------
    >>> decode = mapping_decoder(["flow", "heat"])
    >>> decode({"heat": "20.5", "time": 3}), decode([1, 2]), decode([1]), decode("text")
    ((3.0, [nan, 20.5]), (nan, [1.0, 2.0]), None, None)
    """
    find_in = sensors.find_in if isinstance(sensors, SensorNames) else None

    def decode(item: Any) -> tuple[float, list[float]] | None:
        if find_in is not None:
            find_in(item)
        if isinstance(item, Mapping):
            if not any(name in item for name in sensors):
                return None
            time_name = next((name for name in item if str(name).lower() in TIME_NAMES and name not in sensors), None)
            time_s = float("nan") if time_name is None else as_time(item[time_name])
            return time_s, [number(item.get(name)) for name in sensors]
        if isinstance(item, (str, bytes)) or not hasattr(item, "__len__") or len(item) != len(sensors):
            return None
        return float("nan"), [number(value) for value in item]

    return decode


def number(value: Any) -> float:
    """Return a value as float; NaN if it is not a finite number.

    >>> number("12.5"), number(True), number("wet"), number("1_0"), number(10**400)
    (12.5, nan, nan, nan, nan)
    """
    # Python reads 1_000 as a number; a sensor that sends it is broken.
    if isinstance(value, bool) or (isinstance(value, str) and "_" in value):
        return float("nan")
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return float("nan")


def as_time(value: Any) -> float:
    """Return a time cell as seconds since the epoch; NaN if it is not a time."""
    from edge_runtime.tables.time_text import seconds

    return float(seconds([str(value)])[0])


def gather(rows: Sequence[tuple[float, list[float]] | None], sensors: int) -> Readings:
    """Return decoded rows as readings; None counts as lost."""
    good = [row for row in rows if row is not None]
    lost = len(rows) - len(good)
    if not good:
        return no_readings(sensors, lost)
    return Readings(np.array([row[0] for row in good]), np.array([row[1] for row in good]), lost)
