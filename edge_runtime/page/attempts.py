"""Failed log-ins, counted: whoever guesses must wait."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict, deque
from collections.abc import Callable

PER_PEER, OF_ALL, WITHIN_S = 5, 100, 60.0
_MOST_PEERS = 1000


class Attempts:
    """Failed attempts of the last minute, for each peer and for all.

    Parameters
    ----------
    clock : callable
        Returns seconds.

    Examples
    --------
    >>> attempts = Attempts(clock=lambda: 0.0)
    >>> for _ in range(PER_PEER):
    ...     attempts.failed("10.0.0.7")
    >>> attempts.wait_s("10.0.0.7"), attempts.wait_s("10.0.0.8")
    (60.0, 0.0)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._all: deque[float] = deque(maxlen=OF_ALL)
        self._peers: OrderedDict[str, deque[float]] = OrderedDict()

    def failed(self, peer: str) -> None:
        """Count a failure of a peer, whose address is `peer`."""
        network = _network(peer)
        times = self._peers.setdefault(network, deque(maxlen=PER_PEER))
        self._peers.move_to_end(network)
        while len(self._peers) > _MOST_PEERS:
            self._peers.popitem(last=False)
        times.append(self._clock())
        self._all.append(times[-1])

    def wait_s(self, peer: str) -> float:
        """Return how long a peer must wait for its next attempt; 0 if it need not."""
        return max(self._left_s(self._peers.get(_network(peer), deque(maxlen=PER_PEER))), self._left_s(self._all))

    def _left_s(self, times: deque[float]) -> float:
        return max(0.0, times[0] + WITHIN_S - self._clock()) if len(times) == times.maxlen else 0.0


def _network(peer: str) -> str:
    """Return the network of one subscriber: an IPv6 peer has 2⁶⁴ addresses to guess from.

    >>> _network("2001:db8::1"), _network("10.0.0.7")
    ('2001:db8::/64', '10.0.0.7')
    """
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer
    return str(ipaddress.ip_network((peer, 64), strict=False)) if address.version == 6 else peer
