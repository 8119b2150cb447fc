"""One machine as the page sees it: what came last, kept by reference until somebody looks."""

from __future__ import annotations

import dataclasses
import math
import threading
from typing import Any

import numpy as np

from edge_runtime.common.counters import Counters
from edge_runtime.page.numbers import short, shorts
from edge_runtime.sinks.sink import StreamInfo
from edge_runtime.streaming.health import Health
from edge_runtime.streaming.learning_events import LearningStarted
from edge_runtime.streaming.results import Results


class WatchedMachine:
    """Takes what a sink is given, and makes a snapshot of it when asked.

    Taking costs a few references and one maximum; the work is done for the snapshot, a few times per second.

    Parameters
    ----------
    info : StreamInfo

    Attributes
    ----------
    changes : int
        Grows with everything that a snapshot may show.
    alarm_changes : int
        Grows with each start and end of an alarm, and each mark.
    """

    def __init__(self, info: StreamInfo) -> None:
        self.info = info
        self.changes = self.alarm_changes = 0
        self._lock = threading.Lock()
        self._last: Results | None = None
        self._explained: Results | None = None
        self._in_alarm = self._is_old = False
        self._peak = -math.inf
        self._health: Health | None = None
        self._learn_s: float | None = None
        self._down = ""
        self._counters = Counters()

    def take(self, results: Results) -> None:
        """Take results; the last one stands, and the highest score since the last snapshot is kept."""
        with self._lock:
            self.changes += 1
            if len(results):
                self._last, self._is_old = results, False
                if results.expected.size and results.expected[-1, 0] == results.expected[-1, 0]:
                    self._explained = results
                self._in_alarm = bool(results.alarms[-1])
                self._peak = max(self._peak, float(results.scores.max()))
            if results.events:
                self._in_alarm = results.events[-1].name == "alarm_started"
                self.alarm_changes += len(results.events)

    def take_health(self, health: Health) -> None:
        """Take the stream's health."""
        with self._lock:
            self.changes += 1
            self._health, self._is_old = health, self._is_old or health.stale
            for event in health.events:
                if isinstance(event, LearningStarted):
                    self._learn_s = event.learn_s

    def take_counters(self, counters: Counters) -> None:
        """Take the counts."""
        with self._lock:
            self.changes += 1
            self._counters = counters

    def down(self, reason: str) -> None:
        """Note why nobody watches this machine."""
        with self._lock:
            self.changes += reason != self._down
            self._down = reason

    def marked(self) -> None:
        """Note that somebody marked an alarm."""
        with self._lock:
            self.changes += 1
            self.alarm_changes += 1

    @property
    def state(self) -> str:
        """``down``, ``alarm``, ``stale``, ``starting``, ``learning`` or ``well``, the first that holds."""
        if self._down:
            return "down"
        if self._in_alarm:
            return "alarm"
        if self._health is not None and self._health.stale:
            return "stale"
        if self._last is None:
            return "starting"
        return "learning" if self._last.learning else "well"

    def summary(self) -> dict[str, Any]:
        """Return what a list of machines shows."""
        with self._lock:
            last = self._last
            ratio = None if last is None or self._is_old else float(last.scores[-1] / last.thresholds[-1])
            return {"name": self.info.name, "state": self.state, "ratio": None if ratio is None else round(ratio, 2)}

    def snapshot(self) -> dict[str, Any]:
        """Return what the machine's page shows; scores are highest since the last snapshot."""
        with self._lock:
            last, explained, peak, is_old = self._last, self._explained, self._peak, self._is_old
            health, counters, down, self._peak = self._health, self._counters, self._down, -math.inf
            manifest = self.info.manifest
            head = {"machine": self.info.name, "state": self.state, "alarm_changes": self.alarm_changes}
            head |= {"model": manifest.flatbuffer_sha256[:16] if manifest else ""}
        sensors = {} if last is None else _sensors(last, explained)
        rest = {"counts": _counts(counters), "sensors": sensors, "learn_s": self._learn_s, "down": down}
        return head | _health(health) | _result(last, peak, is_old=is_old) | rest


def _health(health: Health | None) -> dict[str, Any]:
    if health is None:
        return {"stale": False, "silent": [], "last_reading": None, "last_result": None, "stale_after": None}
    return {
        "stale": health.stale,
        "silent": list(health.silent),
        "last_reading": short_time(health.last_reading_s),
        "last_result": short_time(health.last_result_s),
        "stale_after": short(health.stale_after_s),
    }


def _counts(counters: Counters) -> dict[str, int]:
    return {name: count for name, count in dataclasses.asdict(counters).items() if count}


def _result(last: Results | None, peak: float, *, is_old: bool) -> dict[str, Any]:
    if last is None:
        return {"time": None, "score": None, "threshold": None, "peak": None, "drift": None}
    score = float(last.scores[-1])
    return {
        "time": short_time(float(last.times[-1])),
        "score": None if is_old else short(score),
        "peak": None if is_old else short(max(score, peak)),
        "threshold": short(float(last.thresholds[-1])),
        "drift": short(float(last.drifts[-1])),
    }


def _sensors(last: Results, explained: Results | None) -> dict[str, Any]:
    shares = np.clip(last.contributions[-1], 0, None) if last.contributions.shape[1] else np.empty(0)
    total = float(np.sum(shares))
    return {
        "values": shorts(last.values[-1].tolist()),
        # Their means over the window, as of the last one that was explained.
        "levels": [] if explained is None else shorts(explained.levels[-1].tolist()),
        "expected": [] if explained is None else shorts(explained.expected[-1].tolist()),
        "shares": [round(one, 3) for one in (shares / total).tolist()] if total > 0 else [],
    }


def short_time(time_s: float | None) -> float | None:
    """Return a time to the millisecond; None if there is none."""
    return None if time_s is None or not math.isfinite(time_s) else round(time_s, 3)
