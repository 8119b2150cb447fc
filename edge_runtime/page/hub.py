"""The machines of one address, and what is sent to everybody who watches them.

Every `PERIOD_S` each machine that somebody watches is looked at once, however fast its readings come; all its clients
are handed the same bytes. A client that is behind finds the newest when it asks: there is nothing to queue.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

from edge_runtime.page.machine import WatchedMachine
from edge_runtime.page.numbers import encoded

PERIOD_S = 0.25
MOST_WATCHERS = 48
_BEAT_S = 15.0
_SUMMARY_TICKS = 4


@dataclass
class _News:
    """The newest event of one kind."""

    number: int = 0
    event: bytes = b""
    changes: int = -1
    watchers: int = 0


@dataclass
class Hub:
    """Snapshots for all clients.

    Attributes
    ----------
    machines : dict of str to WatchedMachine
        Changed only as a whole, by any thread.
    """

    machines: dict[str, WatchedMachine] = field(default_factory=dict)
    _news: dict[str, _News] = field(default_factory=dict)
    _summary: _News = field(default_factory=_News)
    _states: tuple[str, ...] = ()
    _tick: int = 0
    _ticked: asyncio.Event = field(default_factory=asyncio.Event)
    _closed: bool = False

    @property
    def watchers(self) -> int:
        """Clients that are watching."""
        return self._summary.watchers

    @property
    def is_full(self) -> bool:
        """Whether no more clients can watch."""
        return self.watchers >= MOST_WATCHERS

    def close(self) -> None:
        """End every stream of events."""
        self._closed = True
        self._wake()

    async def run(self) -> None:
        """Look at the machines until cancelled."""
        while not self._closed:
            await asyncio.sleep(PERIOD_S)
            if self.watchers:
                self._look()
                self._wake()

    async def events(self, name: str) -> AsyncIterator[bytes]:
        """Yield server-sent events about a machine and the list of all, the newest only, until closed."""
        news = self._news.setdefault(name, _News())
        news.watchers += 1
        self._summary.watchers += 1
        self._first_look(name, news)
        try:
            seen = seen_summary = 0
            while not self._closed:
                fresh = news.event if news.number != seen else b""
                fresh += self._summary.event if self._summary.number != seen_summary else b""
                seen, seen_summary = news.number, self._summary.number
                yield fresh or b": still here\n\n"
                await self._changed(news, seen, seen_summary)
        finally:
            news.watchers -= 1
            self._summary.watchers -= 1
            if not news.watchers:
                self._news.pop(name, None)

    async def _changed(self, news: _News, seen: int, seen_summary: int) -> None:
        """Wait until there is something new, at most `_BEAT_S`."""
        until_s = time.monotonic() + _BEAT_S
        while not self._closed and news.number == seen and self._summary.number == seen_summary:
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                return
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._ticked.wait(), left_s)

    def _wake(self) -> None:
        ticked, self._ticked = self._ticked, asyncio.Event()
        ticked.set()

    def _first_look(self, name: str, news: _News) -> None:
        machine = self.machines.get(name)
        if machine is not None and not news.number:
            # The highest score since somebody last looked may be hours old.
            machine.snapshot()
            _look_at(machine, news)
        self._look_at_all()

    def _look(self) -> None:
        for name, news in self._news.items():
            machine = self.machines.get(name)
            if machine is not None and machine.changes != news.changes:
                _look_at(machine, news)
        self._look_at_all()

    def _look_at_all(self) -> None:
        machines = list(self.machines.values())
        self._tick += 1
        states = tuple(f"{machine.info.name} {machine.state}" for machine in machines)
        if states == self._states and self._tick % _SUMMARY_TICKS:
            return
        self._states = states
        event = _event("machines", [machine.summary() for machine in machines])
        if event != self._summary.event:
            self._summary.event = event
            self._summary.number += 1


def _look_at(machine: WatchedMachine, news: _News) -> None:
    news.changes = machine.changes
    news.number += 1
    news.event = _event("machine", machine.snapshot())


def _event(name: str, content: object) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + encoded(content) + b"\n\n"
