"""One result for every item: a chunk that was lost is tried once more, item by item and with nothing beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from saelite.fleet.executors.executor_base import Chunk, Executor, Task


@dataclass(frozen=True)
class Lost:
    """In place of the result of an item that was lost twice.

    Parameters
    ----------
    reason : str
    """

    reason: str


def every_result(executor: Executor, task: Task, chunks: Iterable[Chunk]) -> Iterator[tuple[Any, Any]]:
    """Yield each item once, with its result or `Lost`.

    A worker that is killed for want of memory may have been killed for its neighbour's: so lost items are tried again
    when all others are done, one at a time.
    """
    lost: list[Any] = []
    for done in executor.run(task, chunks):
        if done.results is None:
            lost += done.items
        else:
            yield from zip(done.items, done.results, strict=True)
    for done in executor.run(task, ((item,) for item in lost), at_once=1):
        yield done.items[0], Lost(done.reason) if done.results is None else done.results[0]


def chunked(items: Iterable[Any], size: int) -> Iterator[Chunk]:
    """Yield consecutive items in chunks.

    >>> list(chunked("abcde", 2))
    [('a', 'b'), ('c', 'd'), ('e',)]
    """
    chunk: list[Any] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield tuple(chunk)
            chunk = []
    if chunk:
        yield tuple(chunk)
