"""What is sent to everybody who watches a fleet: changes, the newest only.

Four times per second the messages that came are read into the table. A client is sent what has changed since it was
sent something last, however long ago that was: there is nothing to queue. Clients that are equally far share the bytes.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from edge_runtime.page.numbers import event
from edge_runtime.page.watchers import Watchers
from saelite.watching.conditions import MachineCondition
from saelite.watching.fleet_page_table import FleetTable
from saelite.watching.inbox import Inbox
from saelite.watching.subscription import Subscription

# Quiet pages must not take the silence for a lost connection.
_BEAT_TICKS = 20


class FleetHub:
    """Reads messages into the table, and gives its changes to all clients.

    Parameters
    ----------
    subscription : Subscription
    inbox : Inbox
    table : FleetTable
    clock : callable
        Returns seconds since the epoch.

    Attributes
    ----------
    watchers : Watchers
    """

    def __init__(
        self, subscription: Subscription, inbox: Inbox, table: FleetTable, clock: Callable[[], float] = time.time
    ) -> None:
        self.watchers = Watchers()
        self._subscription, self._inbox, self._table, self._clock = subscription, inbox, table, clock
        self._tick = 0
        self._encoded: dict[int, bytes] = {}

    async def run(self) -> None:
        """Read messages until cancelled."""
        await self.watchers.run(self.look)

    def close(self) -> None:
        """End every stream of events."""
        self.watchers.close()

    def look(self) -> None:
        """Read the messages that came."""
        self._tick += 1
        self._encoded = {}
        link, now_s = self._subscription.link, self._clock()
        # While the broker is away nobody's silence means anything.
        self._table.take(self._inbox.take(), now_s, link.since_s if link.is_connected else now_s)

    async def events(self) -> AsyncIterator[bytes]:
        """Yield server-sent events: the whole table, then what has changed, until closed."""
        self.watchers.count += 1
        seen, beat, link = 0, 0, self._subscription.link
        try:
            while not self.watchers.is_closed:
                tick = self._tick
                if self._table.news > seen or tick >= beat or link is not self._subscription.link:
                    news, seen, link = self._since(seen), self._table.change, self._subscription.link
                    beat = tick + _BEAT_TICKS
                    yield news
                await self.watchers.until(lambda tick=tick: self._tick != tick)  # type: ignore[misc]
        finally:
            self.watchers.count -= 1

    def _since(self, change: int) -> bytes:
        """Return what has changed as an event, encoded once for all who are equally far."""
        if change not in self._encoded:
            self._encoded[change] = event("fleet", self._head() | self._table.since(change))
        return self._encoded[change]

    def _head(self) -> dict[str, Any]:
        link = self._subscription.link
        return {
            "now": self._clock(),
            "broker": self._subscription.broker,
            "prefix": self._subscription.prefix,
            "link": link.state,
            "reason": link.reason,
            "conditions": [[condition.value, condition.needs_a_look] for condition in MachineCondition],
        }
