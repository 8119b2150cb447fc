"""What every engine can do: run one task on many chunks of items, and say which chunks were lost."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Task: TypeAlias = Callable[[Sequence[Any]], Sequence[Any]]
"""Takes a chunk of items and returns one result for each, in order. It and the items must survive pickling.

A task is sent to each worker once; an item is sent with each chunk, so it should refer to data, not hold them.
"""
Chunk: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True)
class Done:
    """A chunk that was worked on.

    Parameters
    ----------
    items : tuple
    results : tuple or None
        One for each item; None if the task raised, or its worker ended before it was done.
    reason : str
        Why there are no results.
    """

    items: Chunk
    results: tuple[Any, ...] | None
    reason: str = ""


class Executor(ABC):
    """Runs a task on chunks of items, several at once, and yields each as soon as it is done.

    Attributes
    ----------
    workers : int
        Chunks worked on at the same time.
    name : str
        For people.
    """

    workers: int
    name: str

    @abstractmethod
    def run(self, task: Task, chunks: Iterable[Chunk], at_once: int | None = None) -> Iterator[Done]:
        """Yield what became of each chunk, in any order.

        Chunks are taken from `chunks` as workers become free: neither this process nor the engine ever holds
        more than a few for each worker.

        Parameters
        ----------
        at_once : int, optional
            Maximum number of chunks worked on at the same time; by default one for each worker.
        """

    def close(self) -> None:  # noqa: B027 - most engines keep nothing
        """End what the engine started."""

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def done_of(task: Task, items: Chunk) -> Done:
    """Run a task here and return what became of the chunk; no exception of the task gets out."""
    try:
        results = tuple(task(items))
    except Exception as error:  # noqa: BLE001 - reported by whoever asked for the results
        return Done(items, None, f"{type(error).__name__}: {error}")
    if len(results) != len(items):
        return Done(items, None, f"the task gave {len(results)} results for {len(items)} items")
    return Done(items, results)
