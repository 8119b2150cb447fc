"""Rows with missing values: refused, skipped or held, always counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edge_runtime.arrays import BoolArray, FloatArray
from edge_runtime.errors import RecordingError

POLICIES = ("error", "skip", "hold")


def repair_missing(
    values: FloatArray,
    policy: str,
    sensors: Sequence[str],
    *,
    place: Callable[[int], str] = "row {}".format,
    last: FloatArray | None = None,
) -> tuple[FloatArray, int]:
    """Return rows without missing values, and how many rows were repaired.

    Parameters
    ----------
    values : ndarray of shape (n, sensors)
        NaN or infinite where a value is missing.
    policy : str
        ``error`` refuses, ``skip`` leaves such rows out, ``hold`` repeats the sensor's last value.
    sensors : sequence of str
        Names, for the message.
    place : callable
        Says where a row of `values` stands in the file, for the message.
    last : ndarray of shape (sensors,), optional
        The row before the first, for ``hold``.

    Raises
    ------
    RecordingError
        With ``error``, at the first missing value; with ``hold``, if the very first row lacks one.

    Examples
    --------
    >>> repair_missing(np.array([[1.0], [np.nan], [3.0]]), "hold", ["flow"])
    (array([[1.],
           [1.],
           [3.]]), 1)
    """
    good = np.isfinite(values)
    bad_rows = ~good.all(axis=1)
    count = int(bad_rows.sum())
    if not count:
        return values, 0
    if policy == "skip":
        return values[~bad_rows], count
    if policy == "hold":
        values, good = _with_row_before(values, good, last)
        newest = np.maximum.accumulate(np.where(good, np.arange(len(values))[:, None], -1), axis=0)
        if (newest >= 0).all():
            held = np.take_along_axis(values, newest, axis=0)
            return held[last is not None :], count
    row, column = (int(number) for number in np.argwhere(~good)[0])
    raise RecordingError(
        f"{place(row)}: sensor {sensors[column]!r} has no value ({count} {'row' if count == 1 else 'rows'} like this). "
        "Expected a finite number in every row. Fix the recording, or say what to do: --on-missing skip or hold."
    )


def _with_row_before(values: FloatArray, good: BoolArray, last: FloatArray | None) -> tuple[FloatArray, BoolArray]:
    if last is None:
        return values, good
    return np.concatenate([last[None], values]), np.concatenate([np.ones((1, len(last)), bool), good])
