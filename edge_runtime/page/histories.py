"""The past of every machine, asked for in threads of its own: a slow disk delays whoever asks, and nobody else."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from edge_runtime.page.machine import short_time
from edge_runtime.page.marks import checked_mark
from edge_runtime.page.numbers import encoded, short, shorts
from edge_runtime.page.refusals import Unknown
from edge_runtime.sinks.sink import StreamInfo

if TYPE_CHECKING:  # sqlite3 comes with it
    from edge_runtime.history.history import History
    from edge_runtime.history.records import Alarm, Mark
    from edge_runtime.history.trend import SensorTrend

PATIENCE_S = 8.0
MOST_ALARMS = 200
_WORKERS, _MOST_WAITING = 2, 32
_FRESH_S, _MOST_KEPT = 1.0, 64


class Busy(OSError):  # noqa: N818 - its text is for standard error
    """Too much is asked of the history at once."""


class Histories:
    """Histories by machine.

    Answers are kept for a second: many pages that look at one machine ask the same.

    Attributes
    ----------
    of : dict of str to History
    """

    def __init__(self) -> None:
        self.of: dict[str, History] = {}
        self._pool = ThreadPoolExecutor(_WORKERS, "page history")
        self._waiting = 0
        self._kept: OrderedDict[tuple[object, ...], tuple[float, bytes]] = OrderedDict()

    def close(self) -> None:
        """Answer nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def trend(self, machine: str, since_s: float, until_s: float, points: int) -> bytes:
        """Return score and threshold over a time, as JSON."""
        history = self._of(machine)
        return await self._kept_or(
            ("trend", machine, since_s, until_s, points), lambda: _trend(history, machine, since_s, until_s, points)
        )

    async def sensors(
        self, machine: str, sensors: tuple[str, ...], since_s: float, until_s: float, points: int
    ) -> bytes:
        """Return the values of some sensors over a time, as JSON."""
        history = self._of(machine)
        return await self._kept_or(
            ("sensors", machine, sensors, since_s, until_s, points),
            lambda: {one: _sensor(history.sensor_trend(machine, one, since_s, until_s, points)) for one in sensors},
        )

    async def alarms(self, machine: str, changes: int) -> bytes:
        """Return alarms, the newest first, and what is ignored, as JSON.

        Parameters
        ----------
        changes : int
            Of the machine's alarms: an answer from before the last is of no use.
        """
        history = self._of(machine)
        return await self._kept_or(("alarms", machine, changes), lambda: _alarms(history, machine))

    async def mark(self, info: StreamInfo, alarm: Any, asked: Any) -> None:
        """Keep what somebody says of an alarm.

        Raises
        ------
        MarkRefused
            If it is no mark.
        Unknown
            If there is no such alarm of this machine.
        """
        from edge_runtime.history.records import Mark

        history, mark = self._of(info.name), Mark(**checked_mark(asked, info.sensors, time.time()))
        if isinstance(alarm, bool) or not isinstance(alarm, int):
            raise Unknown("There is no such alarm.")
        await self._in_thread(lambda: _keep(history, info.name, alarm, mark))

    def _of(self, machine: str) -> History:
        history = self.of.get(machine)
        if history is None:
            raise Unknown("Its history cannot be read while it is not watched.")
        return history

    async def _kept_or(self, key: tuple[object, ...], ask: Callable[[], Any]) -> bytes:
        kept = self._kept.get(key)
        if kept is not None and time.monotonic() - kept[0] < _FRESH_S:
            return kept[1]
        found: bytes = await self._in_thread(lambda: encoded(ask()))
        self._kept[key] = time.monotonic(), found
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return found

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        if self._waiting >= _MOST_WAITING:
            raise Busy("too many requests are waiting for the history")
        self._waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        future.add_done_callback(self._done)
        return await asyncio.wait_for(asyncio.shield(future), PATIENCE_S)

    def _done(self, future: asyncio.Future[Any]) -> None:
        self._waiting -= 1
        if not future.cancelled():
            future.exception()


def _trend(history: History, machine: str, since_s: float, until_s: float, points: int) -> dict[str, Any]:
    found = history.trend(machine, since_s, until_s, points)
    return {
        "times": [round(one, 3) for one in found.times.tolist()],
        "lowest": shorts(found.lowest.tolist()),
        "mean": shorts(found.mean.tolist()),
        "highest": shorts(found.highest.tolist()),
        "threshold": shorts(found.threshold.tolist()),
        "alarm": [round(one, 2) if one == one else None for one in found.alarm_share.tolist()],  # noqa: PLR0124
    }


def _sensor(trend: SensorTrend) -> dict[str, Any]:
    return {
        "times": [round(one, 3) for one in trend.times.tolist()],
        "lowest": shorts(trend.lowest.tolist()),
        "mean": shorts(trend.mean.tolist()),
        "highest": shorts(trend.highest.tolist()),
    }


def _alarms(history: History, machine: str) -> dict[str, Any]:
    now_s = time.time()
    return {
        "alarms": [_alarm(one) for one in history.alarms(machine, limit=MOST_ALARMS)],
        "ignored": sorted(history.ignored(machine, now_s)),
    }


def _alarm(alarm: Alarm) -> dict[str, Any]:
    return {
        "id": alarm.id,
        "started": short_time(alarm.started_s),
        "ended": short_time(alarm.ended_s),
        "peak": short(alarm.peak_score),
        "threshold": short(alarm.threshold),
        "blamed": [
            {name: short(value) if isinstance(value, float) else value for name, value in vars(one).items()}
            for one in alarm.blamed
        ],
        "marks": [_mark(one) for one in alarm.marks],
    }


def _mark(mark: Mark) -> dict[str, Any]:
    fields = dataclasses.asdict(mark)
    return {name.removesuffix("_s"): value for name, value in fields.items() if value not in (None, "")}


def _keep(history: History, machine: str, alarm: int, mark: Mark) -> None:
    if not any(one.id == alarm for one in history.alarms(machine)):
        raise Unknown("There is no such alarm.")
    history.mark(alarm, mark)
