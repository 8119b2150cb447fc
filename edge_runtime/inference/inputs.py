"""Converts a detector's inputs to float32 arrays of the right shape with finite values, or raises an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import InputShapeError
from edge_runtime.signal.windows import all_finite, as_windows

Reading = Mapping[str, Any] | Sequence[float] | npt.NDArray[Any]


class InputReader:
    """Reads one reading or one window of a model's sensors.

    Parameters
    ----------
    sensor_names : tuple of str
        In the model's order.
    window : int
        Readings in a window.
    """

    def __init__(self, sensor_names: tuple[str, ...], window: int) -> None:
        self._names, self._window = sensor_names, window
        self._row_shape = (len(sensor_names),)
        self._window_shape = (window, len(sensor_names))

    def row(self, reading: Reading) -> FloatArray:
        """Return one reading, shape (sensors,).

        Raises
        ------
        InputShapeError
            If a sensor is missing, or a value is not a finite number.
        """
        try:
            row = np.asarray(self._in_order(reading) if isinstance(reading, Mapping) else reading, np.float32)
        except (TypeError, ValueError) as error:
            raise self._not_a_reading(reading) from error
        if row.shape != self._row_shape or not all_finite(row):
            raise self._not_a_reading(reading)
        return row

    def one_window(self, window: npt.ArrayLike) -> FloatArray:
        """Return one window, shape (1, window, sensors)."""
        if isinstance(window, Mapping):
            window = self._in_order(window)
        elif isinstance(window, Sequence) and window and isinstance(window[0], Mapping):
            window = [self._in_order(reading) for reading in cast("Sequence[Mapping[str, Any]]", window)]
        try:
            array = np.asarray(window, np.float32)
        except (TypeError, ValueError) as error:
            raise InputShapeError(f"a window must be real numbers. Received: {window!r:.200} ({error})") from error
        return as_windows(array[None], *self._window_shape)

    def _in_order(self, reading: Mapping[str, Any]) -> list[Any]:
        missing = [name for name in self._names if name not in reading]
        if missing:
            raise InputShapeError(
                f"the reading lacks {len(missing)} of the model's sensors: {', '.join(missing)}. "
                f"Received: {', '.join(map(str, reading))}."
            )
        return [reading[name] for name in self._names]

    def _not_a_reading(self, reading: object) -> InputShapeError:
        return InputShapeError(
            f"expected {len(self._names)} finite numbers, one per sensor ({', '.join(self._names)}). "
            f"Received: {reading!r:.200}"
        )
