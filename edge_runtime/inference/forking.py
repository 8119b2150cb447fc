"""Detectors in a forked process: each opens its own interpreter when it needs one."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast
from weakref import WeakSet

if TYPE_CHECKING:
    from edge_runtime.inference.graph_scoring import GraphScorer


class Forkable(Protocol):
    """An object that stays usable in a forked process."""

    def after_fork(self) -> None:
        """Prepare for use in the forked process."""


_alive: WeakSet[Forkable] = WeakSet()


def renew_after_fork(forkable: Forkable) -> None:
    """Call `after_fork` in every forked process, while the object lives."""
    _alive.add(forkable)


def opened_later(open_scorer: Callable[[], GraphScorer]) -> GraphScorer:
    """Return a placeholder for a scorer until it is needed; many forked processes never need one.

    Parameters
    ----------
    open_scorer : callable
        Returns the scorer, and puts it in this one's place.
    """
    return cast("GraphScorer", _OpenedLater(open_scorer))


class _OpenedLater:
    def __init__(self, open_scorer: Callable[[], GraphScorer]) -> None:
        self._open = open_scorer

    def abandon(self) -> None:
        """Do nothing: no scorer is open."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._open(), name)


def _renew_in_forked_process() -> None:
    for forkable in list(_alive):
        forkable.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_in_forked_process)
