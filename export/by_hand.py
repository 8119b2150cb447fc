"""What somebody says of a graph that has no manifest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HEADS = ("spe", "residual", "joint", "t2", "t2x", "inputs")


@dataclass(frozen=True)
class ByHand:
    """What is known of the graph.

    Parameters
    ----------
    sensors : tuple of str
        By default the columns of the normal data, or ``x0``, ``x1`` …
    window : int, optional
        Readings that the graph sees at once; by default what its input's shape says, or one.
    scaling : str
        ``none``: the graph takes raw values; ``standard``: mean and deviation of the normal data.
    center, scale : tuple of float
        One per sensor: the graph takes ``(value - center) / scale``.
    reconstruction, codes : str
        Outputs of the graph by name; a sole output needs none.
    head : str, optional
        One of `HEADS`; by default ``spe``, or ``t2`` for a graph that gives codes alone.
    head_file : Path, optional
        .npz with the head's ``mean`` and ``whitening``, as in a run folder.
    threshold : float, optional
        Of the score as the head gives it; above 0.
    """

    sensors: tuple[str, ...] = ()
    window: int | None = None
    scaling: str = "none"
    center: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    reconstruction: str = ""
    codes: str = ""
    head: str | None = None
    head_file: Path | None = None
    threshold: float | None = None
