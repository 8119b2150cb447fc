"""What somebody says of a graph that has no manifest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HEADS = ("spe", "residual", "joint", "t2", "t2x", "inputs")


@dataclass(frozen=True)
class ByHand:
    """What the user specifies about the graph.

    Parameters
    ----------
    sensors : tuple of str
        By default the columns of the normal data, or ``x0``, ``x1`` …
    window : int, optional
        Readings that the graph takes at once; by default from its input shape, or one.
    scaling : str
        ``none``: the graph takes raw values; ``standard``: mean and standard deviation of the normal data.
    center, scale : tuple of float
        One per sensor: the graph takes ``(value - center) / scale``.
    reconstruction, codes : str
        Names of the graph's outputs; a single output needs none.
    head : str, optional
        One of `HEADS`; by default ``spe``, or ``t2`` for a graph that outputs only codes.
    head_file : Path, optional
        .npz with the head's ``mean`` and ``whitening``, as in a run folder.
    threshold : float, optional
        Threshold of the head's score, above 0.
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
