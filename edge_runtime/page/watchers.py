"""Everybody who watches a page: how many they are, and how they are woken when there is something new."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

PERIOD_S = 0.25
MOST_WATCHERS = 48
STILL_HERE = b": still here\n\n"
_BEAT_S = 15.0


@dataclass
class Watchers:
    """The clients of a stream of events, who are handed the newest, and never a queue.

    Attributes
    ----------
    count : int
    is_closed : bool
        Whether every stream of events is to end.
    """

    count: int = 0
    is_closed: bool = False
    _ticked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_full(self) -> bool:
        """Whether no more clients can watch."""
        return self.count >= MOST_WATCHERS

    async def run(self, look: Callable[[], None]) -> None:
        """Call `look` every `PERIOD_S`, and wake everybody, until cancelled."""
        while not self.is_closed:
            await asyncio.sleep(PERIOD_S)
            look()
            if self.count:
                self.wake()

    def close(self) -> None:
        """End every stream of events."""
        self.is_closed = True
        self.wake()

    def wake(self) -> None:
        """Let everybody look whether there is something new."""
        ticked, self._ticked = self._ticked, asyncio.Event()
        ticked.set()

    async def until(self, is_new: Callable[[], bool]) -> None:
        """Wait until there is something new, at most `_BEAT_S`."""
        until_s = time.monotonic() + _BEAT_S
        while not self.is_closed and not is_new():
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                return
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._ticked.wait(), left_s)
