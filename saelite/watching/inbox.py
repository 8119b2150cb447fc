"""Messages that wait to be read: the newest of each topic, in bounded memory."""

from __future__ import annotations

import threading
from itertools import islice
from typing import NamedTuple

from saelite.watching.messages import KINDS, LONGEST_PAYLOAD, LONGEST_TOPIC

MOST_BYTES, MOST_AT_ONCE = 64_000_000, 20_000
# What a topic and its place in a table take beside its payload.
_OVERHEAD = 400


class Letter(NamedTuple):
    """One message.

    Parameters
    ----------
    payload : bytes
    is_retained : bool
        Whether it is older than the subscription.
    """

    payload: bytes
    is_retained: bool


class Inbox:
    """Takes messages in the client's thread, and gives them to another: a flood of them is one message per topic.

    Examples
    --------
    >>> inbox = Inbox()
    >>> for payload in (b"offline", b"online"):
    ...     inbox.put("saelite/gateway/pump/availability", payload, is_retained=False)
    >>> inbox.take()
    {('saelite/gateway/pump', 'availability'): Letter(payload=b'online', is_retained=False)}
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._letters: dict[tuple[str, str], Letter] = {}
        self._bytes = 0

    def put(self, topic: str, payload: bytes, *, is_retained: bool) -> None:
        """Take a message, unless it is none of a machine's, or too large, or there is no room for a further topic."""
        base, _, kind = topic.rpartition("/")
        if not base or kind not in KINDS or len(topic) > LONGEST_TOPIC or len(payload) > LONGEST_PAYLOAD:
            return
        with self._lock:
            before = self._letters.get((base, kind))
            cost = len(payload) - len(before.payload) if before else len(payload) + _OVERHEAD
            if self._bytes + cost <= MOST_BYTES:
                self._bytes += cost
                self._letters[base, kind] = Letter(payload, is_retained)

    def take(self) -> dict[tuple[str, str], Letter]:
        """Return what waits, the oldest `MOST_AT_ONCE` topics at most."""
        with self._lock:
            found = dict(islice(self._letters.items(), MOST_AT_ONCE))
            for place in found:
                del self._letters[place]
            self._bytes -= sum(len(letter.payload) + _OVERHEAD for letter in found.values())
            return found
