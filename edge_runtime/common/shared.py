"""Things that several machines of one process share: one server per port, one connection per broker."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar


class Closes(Protocol):
    """Something that can be closed."""

    def close(self) -> None:
        """Release everything."""


K = TypeVar("K", bound=Hashable)
T = TypeVar("T", bound=Closes)


class Shared(Generic[K, T]):
    """Opens each thing for the first that joins it, and closes it after the last has left.

    Parameters
    ----------
    open_one : callable
        From a key, such as host and port, to the thing.

    Examples
    --------
    >>> from io import StringIO
    >>> papers = Shared(StringIO)
    >>> mine, yours = papers.join("news"), papers.join("news")
    >>> papers.leave("news")
    >>> mine is yours, mine.closed
    (True, False)
    >>> papers.leave("news")
    >>> mine.closed
    True
    """

    def __init__(self, open_one: Callable[[K], T]) -> None:
        self._open = open_one
        self._lock = threading.Lock()
        self._things: dict[K, tuple[T, int]] = {}

    def join(self, key: K) -> T:
        """Return the thing of a key; what opening it raises is passed on."""
        with self._lock:
            thing, users = self._things.get(key) or (self._open(key), 0)
            self._things[key] = thing, users + 1
            return thing

    def leave(self, key: K) -> None:
        """Close the thing if nobody else uses it."""
        with self._lock:
            thing, users = self._things.pop(key)
            if users > 1:
                self._things[key] = thing, users - 1
                return
            thing.close()
