"""A source whose readings of several rates become rows of one rate."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

import numpy as np

from edge_runtime.arrays import Times
from edge_runtime.signal.readings import Readings
from edge_runtime.sources.aligner import Aligner
from edge_runtime.sources.alignment import Alignment
from edge_runtime.sources.source import Source


class AlignedSource:
    """Wraps a source.

    Readings of a source that cannot wait, such as a broker, are placed by when they arrive: the clocks of many senders
    do not agree. Those of a file or pipe are placed by their own times, if they have any.

    Parameters
    ----------
    source : Source
    alignment : Alignment
    sensors : sequence of str
    """

    def __init__(self, source: Source, alignment: Alignment, sensors: Sequence[str]) -> None:
        self.name, self.is_live, self.patience_s = source.name, source.is_live, source.patience_s
        self._source, self._alignment, self._sensors = source, alignment, sensors
        self._aligner: Aligner | None = None
        self._by_arrival = source.patience_s == 0
        self._ended = False

    @property
    def reconnects(self) -> int:
        """Number of times the source was reopened."""
        return int(getattr(self._source, "reconnects", 0))

    def poll(self, timeout_s: float) -> Readings | None:
        """See `Source.poll`; rows come as periods end, whether readings arrive or not."""
        if self._ended:
            return None
        readings = self._source.poll(min(timeout_s, self._left_s()))
        if readings is None:
            self._ended = True
            return None if self._aligner is None else self._aligner.end()
        if self._aligner is None:
            if not len(readings):
                return readings
            # The first reading has told the names, if nothing else has.
            self._aligner = Aligner(self._alignment, len(self._sensors))
        rows = self._aligner.push(self._placed(readings.times), readings.values)
        if self._by_arrival:
            later = self._aligner.advance(time.time())
            rows = Readings(np.concatenate([rows.times, later.times]), np.concatenate([rows.values, later.values]))
        return dataclasses.replace(rows, lost=readings.lost, complaint=readings.complaint)

    def stop(self) -> None:
        """See `Source.stop`."""
        self._source.stop()

    def close(self) -> None:
        """See `Source.close`."""
        self._source.close()

    def _left_s(self) -> float:
        """Return the rest of the period by the clock."""
        if not self._by_arrival or self._aligner is None:
            return np.inf
        period_s = self._alignment.period_s
        return period_s - time.time() % period_s

    def _placed(self, times: Times) -> Times:
        if len(times) and self._source.patience_s:
            self._by_arrival = bool(np.isnan(times[-1]))
        if self._source.patience_s == 0:
            return np.full(len(times), time.time())
        return np.where(np.isnan(times), time.time(), times)


def aligned(source: Source, align: str | None, sensors: Sequence[str]) -> Source:
    """Return a source, aligned if wanted.

    Raises
    ------
    UsageError
        If there is no such alignment.
    """
    return source if align is None else AlignedSource(source, Alignment.parse(align), sensors)
