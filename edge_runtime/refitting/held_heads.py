"""Simpler heads in a file whose graph was built for a larger one: what they do not look at has no weight."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.fitting.moments import Blocks
from edge_runtime.inference.heads import Head
from edge_runtime.model_file.lineage import HELD
from edge_runtime.model_file.manifest import Manifest


class Way(NamedTuple):
    """One way to score that a file's graph holds.

    Parameters
    ----------
    head : str
        The file's head, or one that its graph holds.
    allow_drift : bool
        See `edge_runtime.fitting.whitening.whitening_of`.
    """

    head: str
    allow_drift: bool = False

    @property
    def name(self) -> str:
        """The way in words."""
        return f"{self.head}{', drift allowed' if self.allow_drift else ''}"


def ways_of(manifest: Manifest, *, drifts: bool) -> list[Way]:
    """Return the ways to choose from: the file's own head, and those that export chose it from.

    Parameters
    ----------
    manifest : Manifest
        The maker's.
    drifts : bool
        Whether a sensor drifts here.
    """
    own, tried = manifest.spec.scoring.head, {one.head for one in manifest.tried}
    heads = [own, *(head for head in HELD.get(own, ()) if head in tried)]
    ways = [Way(head, manifest.allows_drift and head == own != "inputs") for head in heads]
    return [*ways, Way("inputs", allow_drift=True)] if drifts and "inputs" in heads else ways


class FirstColumns:
    """The first columns of rows, as `edge_runtime.fitting.moments.Blocks`.

    Parameters
    ----------
    rows : Blocks
    count : int
    """

    def __init__(self, rows: Blocks, count: int) -> None:
        self._rows, self._count = rows, count

    def __iter__(self) -> Iterator[FloatArray]:
        return (block[:, : self._count] for block in self._rows)


def held(head: Head, like: Head) -> Head:
    """Return a head in the shapes of a larger one; it scores as before.

    Parameters
    ----------
    head : Head
        With one centre; its ``z`` are the first columns of the other's.
    like : Head
        One of the file's own kind.

    Examples
    --------
    >>> own = Head("codebook", np.zeros(3), np.zeros((3, 5)), np.ones((2, 5)))
    >>> rows = np.array([[3.0, 9.0, 9.0]])
    >>> held(Head("inputs", np.ones(1), np.full((1, 1), 2.0)), own).score_rows(rows)
    array([16.])
    """
    mean, whitening = np.zeros_like(like.mean), np.zeros_like(like.whitening)
    mean[: len(head.mean)] = head.mean
    whitening[: head.whitening.shape[0], : head.whitening.shape[1]] = head.whitening
    return Head(like.kind, mean, whitening, None if like.centers is None else np.zeros_like(like.centers))
