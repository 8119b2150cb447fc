"""The machines of one address, and what is sent to everybody who watches them.

Four times per second each machine that somebody watches is looked at once, however fast its readings come; all its
clients are handed the same bytes. A client that is behind finds the newest when it asks: there is nothing to queue.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from edge_runtime.page.machine import WatchedMachine
from edge_runtime.page.numbers import event
from edge_runtime.page.watchers import STILL_HERE, Watchers

_SUMMARY_TICKS = 4


@dataclass
class _News:
    """The newest event of one kind."""

    number: int = 0
    event: bytes = b""
    seen: tuple[WatchedMachine | None, int] = (None, -1)
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
    watchers: Watchers = field(default_factory=Watchers)

    def close(self) -> None:
        """End every stream of events."""
        self.watchers.close()

    async def run(self) -> None:
        """Look at the machines until cancelled."""
        await self.watchers.run(self._look)

    async def events(self, name: str) -> AsyncIterator[bytes]:
        """Yield server-sent events about a machine and the list of all, the newest only, until closed."""
        news = self._news.setdefault(name, _News())
        news.watchers += 1
        self.watchers.count += 1
        self._first_look(name, news)
        try:
            seen = seen_summary = 0
            while not self.watchers.is_closed:
                fresh = news.event if news.number != seen else b""
                fresh += self._summary.event if self._summary.number != seen_summary else b""
                seen, seen_summary = news.number, self._summary.number
                yield fresh or STILL_HERE
                await self.watchers.until(
                    lambda seen=(seen, seen_summary): (news.number, self._summary.number) != seen  # type: ignore[misc]
                )
        finally:
            news.watchers -= 1
            self.watchers.count -= 1
            if not news.watchers:
                self._news.pop(name, None)

    def _first_look(self, name: str, news: _News) -> None:
        machine = self.machines.get(name)
        if machine is not None and not news.number:
            # The highest score since somebody last looked may be hours old.
            machine.snapshot()
            _look_at(machine, news)
        self._look_at_all()

    def _look(self) -> None:
        if not self.watchers.count:
            return
        for name, news in self._news.items():
            machine = self.machines.get(name)
            # Another machine may have come in the place of that name, with as many changes.
            if machine is not None and (machine, machine.changes) != news.seen:
                _look_at(machine, news)
        self._look_at_all()

    def _look_at_all(self) -> None:
        machines = list(self.machines.values())
        self._tick += 1
        states = tuple(f"{machine.info.name} {machine.state}" for machine in machines)
        if states == self._states and self._tick % _SUMMARY_TICKS:
            return
        self._states = states
        found = event("machines", [machine.summary() for machine in machines])
        if found != self._summary.event:
            self._summary.event = found
            self._summary.number += 1


def _look_at(machine: WatchedMachine, news: _News) -> None:
    news.seen = machine, machine.changes
    news.number += 1
    news.event = event("machine", machine.snapshot())
