"""What `chaos.py` puts in the place of clocks and sinks."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from edge_runtime.common.counters import Counters
from edge_runtime.sinks.delivery import Delivery
from edge_runtime.streaming.results import Results

_START_S = 1.8e9


class Clocks:
    """The computer's clocks, and the readings' own, which may be anything."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.true_s = 0.0
        self._rng = rng
        self._offset_s, self._rate = 0.0, float(rng.choice([1.0, 1.0, 1.0, 1.01, 0.0, 1e-6]))
        self.stands = self._rate < 0.5

    def monotonic(self) -> float:
        """Return what stands for `time.monotonic`."""
        return 1e5 + self.true_s

    def wall(self) -> float:
        """Return what stands for `time.time`."""
        return _START_S + self.true_s

    def tick(self) -> float:
        """Let a second pass, and return the own time of the reading that comes then; now and then its clock is set."""
        self.true_s += 1
        if self._rng.random() < 0.01:
            self._offset_s += float(self._rng.choice([-86_400, -3600, -1, 1, 3600, 86_400, 1e9, -1e9]))
        return _START_S + self._rate * self.true_s + self._offset_s

    def lie(self) -> float:
        """Return a time that no clock shows."""
        return float(self._rng.choice([4.1e9, 0.0, -1e300, 1e300, 1e12, float("nan"), float("inf")]))


class Recorder:
    """A sink that keeps everything, or hangs or raises for a while."""

    def __init__(self, *, is_bad: bool) -> None:
        self.name = "bad" if is_bad else "recorder"
        self.events: list[str] = []
        self.results = 0
        self.raises = False

    def write(self, results: Results) -> None:
        """Take results."""
        if self.raises:
            raise ConnectionError("gone")
        self.results += len(results)
        self.events += [event.name for event in results.events]

    def status(self, counters: Counters) -> None:
        """Take nothing."""

    def close(self) -> None:
        """Do nothing."""


class Watched(Delivery):
    """A delivery that can be waited for."""

    last: Watched

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.settled = threading.Event()
        Watched.last = self

    def settle(self, *, taken: bool) -> None:
        """See `Delivery.settle`."""
        super().settle(taken=taken)
        if not self._left:
            self.settled.set()
