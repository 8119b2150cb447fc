"""Sources that block or call back, each in its own thread behind a bounded queue."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from edge_runtime.signal.readings import Readings, no_readings
from edge_runtime.sources.reading import Reading
from edge_runtime.sources.source import SourceLost, gather, mapping_decoder

_LENGTH = 4096
_MOST_AT_ONCE = 1024
_PATIENCE_S = 1.0


class IteratorSource:
    """Readings from any Python iterable: mappings by sensor name, sequences in the model's order, `Reading`.

    The iterable runs in its own thread, so if it blocks, nothing else waits. When the queue is full, the iterable
    waits.

    Parameters
    ----------
    name : str
    make : callable
        Returns the iterable; called in the thread.
    sensors : sequence of str
        The model's.
    """

    def __init__(self, name: str, make: Callable[[], Iterable[Any]], sensors: Sequence[str]) -> None:
        self.name = name
        self.is_live = True
        self.patience_s = _PATIENCE_S
        self._sensors = len(sensors)
        self._decode = mapping_decoder(sensors)
        self._queue: queue.Queue[_Item] = queue.Queue(_LENGTH)
        self._closed = threading.Event()
        self._end: _Item | None = None
        threading.Thread(target=self._run, args=(make,), name=f"source {name}", daemon=True).start()

    def poll(self, timeout_s: float) -> Readings | None:
        """See `Source.poll`."""
        items = self._items(timeout_s)
        if items:
            return gather(items, self._sensors)
        if self._end is None:
            return no_readings(self._sensors)
        if self._end.error is not None:
            raise SourceLost(f"{type(self._end.error).__name__}: {self._end.error}") from self._end.error
        return None

    def stop(self) -> None:
        """See `Source.stop`."""
        self._closed.set()

    def close(self) -> None:
        """See `Source.close`."""
        self._closed.set()

    def _items(self, timeout_s: float) -> list[tuple[float, list[float]] | None]:
        items: list[tuple[float, list[float]] | None] = []
        while self._end is None and len(items) < _MOST_AT_ONCE:
            try:
                item = self._queue.get_nowait() if items else self._queue.get(timeout=timeout_s)
            except queue.Empty:
                break
            if item.ends:
                self._end = item
            else:
                items.append(item.row)
        return items

    def _run(self, make: Callable[[], Iterable[Any]]) -> None:
        try:
            for item in make():
                if not self._put(_Item(self._row(item))):
                    return
            self._put(_Item(ends=True))
        except BaseException as error:  # noqa: BLE001 - whatever a user's function raises, and were it sys.exit()
            self._put(_Item(ends=True, error=error))

    def _row(self, item: Any) -> tuple[float, list[float]] | None:
        if isinstance(item, Reading):
            row = self._decode(item.values)
            return None if row is None else (item.time_s, row[1])
        return self._decode(item)

    def _put(self, item: _Item) -> bool:
        while True:
            try:
                self._queue.put(item, timeout=0.2)
            except queue.Full:
                if self._closed.is_set():
                    return False
                continue
            return not self._closed.is_set()


class _Item:
    """A row, or the end of the iterable."""

    __slots__ = ("ends", "error", "row")

    def __init__(
        self, row: tuple[float, list[float]] | None = None, *, ends: bool = False, error: BaseException | None = None
    ) -> None:
        self.row, self.ends, self.error = row, ends, error
