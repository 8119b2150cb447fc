"""What a recording's time says: the usual step between two rows, and where time is missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timezone

import numpy as np
import numpy.typing as npt

_FORMATS = ("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M:%S %z")
# Sampling jitters and a reading may be lost; five readings in a row are a gap.
GAP_STEPS = 5.0


def seconds(texts: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return times as seconds, NaN where a text is no time.

    Numbers are taken as they are; ISO 8601 and ``31.12.2025 23:59:59`` count from 1970 in UTC.

    Examples
    --------
    >>> seconds(["1970-01-01 00:00:01.5", "1970-01-01T00:00:02"])
    array([1.5, 2. ])
    >>> seconds(["0.25", "soon"])
    array([0.25,  nan])
    """
    for read in (_numbers, _iso):
        try:
            return read(texts)
        except ValueError:
            continue
    return np.array([_one(text.strip()) for text in texts], np.float64)


def _numbers(texts: Sequence[str]) -> npt.NDArray[np.float64]:
    return np.array(texts, np.str_).astype(np.float64)


def _iso(texts: Sequence[str]) -> npt.NDArray[np.float64]:
    if any(text.endswith("Z") or "+" in text for text in texts[:1]):
        # numpy drops time zones with a warning; datetime reads them.
        raise ValueError("time zone")
    times = np.array(texts, "datetime64[us]")
    return np.where(np.isnat(times), np.nan, times.astype(np.int64) / 1e6)


def _one(text: str) -> float:
    for read in _READERS:
        try:
            return read(text)
        except ValueError:
            continue
    return float("nan")


def _timestamp(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()


def _reader(form: str) -> Callable[[str], float]:
    return lambda text: _timestamp(datetime.strptime(text, form))  # noqa: DTZ007 - _timestamp adds UTC


_READERS: tuple[Callable[[str], float], ...] = (
    float,
    lambda text: _timestamp(datetime.fromisoformat(text.replace("Z", "+00:00"))),
    *map(_reader, _FORMATS),
)


class Clock:
    """Finds where time is missing or goes back, block after block.

    The usual step is the median of the first block's steps forward. After a gap (a step of more than
    `GAP_STEPS` usual ones) or a step back, no window may reach over that row.

    Attributes
    ----------
    step_s : float
        The usual step; NaN until it is known, and where time cannot be read.
    rows, gaps, backward, repeated, unreadable : int
        Counts over all blocks.

    Examples
    --------
    >>> clock = Clock()
    >>> clock.breaks(["0", "1", "2", "9", "10", "3", "4", "4"]).tolist()
    [3, 5]
    >>> clock.gaps, clock.backward, clock.repeated
    (1, 1, 1)
    """

    def __init__(self) -> None:
        self.step_s = float("nan")
        self._last = float("nan")
        self.rows = self.gaps = self.backward = self.repeated = self.unreadable = 0

    def breaks(self, texts: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return the rows of a block, counted from its first, before which time jumps."""
        return self.breaks_at(seconds(texts)) if texts else np.empty(0, np.int64)

    def breaks_at(self, times: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Return the same for times in seconds, NaN where one cannot be read, at least one."""
        steps = np.diff(times, prepend=self._last)
        forward = steps[steps > 0]
        if np.isnan(self.step_s) and len(forward):
            self.step_s = float(np.median(forward))
        self._last = float(times[-1])
        gaps, backward = steps > GAP_STEPS * self.step_s, steps < 0
        self.rows += len(times)
        self.gaps += int(gaps.sum())
        self.backward += int(backward.sum())
        self.repeated += int((steps == 0).sum())
        self.unreadable += int(np.isnan(times).sum())
        return np.flatnonzero(gaps | backward)
