"""One history for several machines of a process: opened by the first, closed by the last."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from edge_runtime.errors import UsageError
from edge_runtime.history.history import History
from edge_runtime.history.keep import Keep


class _Shared(NamedTuple):
    history: History
    keep: Keep
    users: int


class Shelf:
    """The histories that this process records into, by their paths."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shared: dict[Path, _Shared] = {}

    def take(self, path: Path, keep: Keep, tell: Callable[[str], None]) -> History:
        """Open a history, or return the one that another machine has opened.

        Raises
        ------
        UsageError
            If that one is kept within other bounds.
        HistoryError, OutputError
            See `History.open`.
        """
        with self._lock:
            place = path.absolute()
            shared = self._shared.get(place) or _Shared(History.open(path, keep, tell), keep, 0)
            if shared.keep != keep:
                raise UsageError(f"--history-keep: expected the same for every machine that records into {path}.")
            self._shared[place] = shared._replace(users=shared.users + 1)
            return shared.history

    def give_back(self, history: History) -> None:
        """Close a history if nobody else records into it."""
        with self._lock:
            place, shared = next(
                ((place, one) for place, one in self._shared.items() if one.history is history), (None, None)
            )
            if place is None or shared is None or shared.users == 1:
                self._shared = {one: other for one, other in self._shared.items() if one != place}
                history.close()
            else:
                self._shared[place] = shared._replace(users=shared.users - 1)


SHELF = Shelf()
