"""What is told of long work on many assets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T_contra = TypeVar("T_contra", contravariant=True)


@dataclass(frozen=True)
class Watcher(Generic[T_contra]):
    """What is told of the work as it goes on.

    Parameters
    ----------
    on_step : callable
        Gets the name of each step.
    on_start : callable
        Gets the number of assets in all, and of those that are finished already.
    on_asset : callable
        Gets the outcome of each asset.
    """

    on_step: Callable[[str], None] = lambda _: None
    on_start: Callable[[int, int], None] = lambda _, __: None
    on_asset: Callable[[T_contra], None] = lambda _: None
