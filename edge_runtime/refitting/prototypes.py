"""The prototypes or modes that a file has, as a start, and their refinement by Lloyd's algorithm.

References
----------
Lloyd (1982), Least squares quantization in PCM.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.fitting.heads import Space, nearest
from edge_runtime.fitting.moments import Floats
from edge_runtime.inference.heads import Head

_STEPS = 100
_SETTLED = 1e-4


def prototypes_of(head: Head) -> Floats:
    """Return a head's centres as rows ``z``, shape (K, d)."""
    whitenings = head.whitening if head.whitening.ndim == 3 else head.whitening[None]
    centers = np.zeros((1, whitenings.shape[2])) if head.centers is None else head.centers.astype(np.float64)
    count = len(centers)
    inverses = [np.linalg.pinv(one.astype(np.float64)) for one in whitenings]
    offsets = [centers[number] @ inverses[number if len(inverses) == count else 0] for number in range(count)]
    return np.asarray(head.mean + np.array(offsets))


def head_in_graph(kind: str, constants: Mapping[str, FloatArray]) -> Head:
    """Return the head with prototypes or modes that a whole-detector graph holds.

    The graph has ``-mean @ whitening - center`` instead of mean and centre; 0 is taken for the mean.
    """
    count = sum(name.startswith("head_whitening_") for name in constants)
    whitenings = np.stack([constants[f"head_whitening_{number}"] for number in range(count)])
    shifts = np.stack([constants[f"head_shift_{number}"] for number in range(count)])
    zero = np.zeros(whitenings.shape[1], np.float32)
    if "head_prototypes" not in constants:
        return Head(kind, zero, whitenings, -shifts)
    return Head(kind, zero, whitenings[0], -0.5 * constants["head_prototypes"].T - shifts[0])


@dataclass(frozen=True)
class FromPrototypes:
    """A clustering that starts from a file's own prototypes; see `edge_runtime.fitting.heads.Clustering`.

    Parameters
    ----------
    prototypes : ndarray of shape (K, d)
        As rows ``z``.
    """

    prototypes: Floats

    def __call__(self, rows: Floats, count: int, space: Space) -> Floats:
        """Return as many centres as there are prototypes.

        Where the points are too few for so many, `count` of them differ.
        """
        points, starts = space(rows), space(self.prototypes)
        if len(starts) <= count:
            return lloyd(points, starts)
        sizes = np.bincount(nearest(points, starts), minlength=len(starts))
        centers = lloyd(points, starts[np.argsort(-sizes, kind="stable")[:count]])
        return np.asarray(centers[np.arange(len(starts)) % count])


def lloyd(points: Floats, centers: Floats) -> Floats:
    """Return centres moved to the means of the points nearest to them, until they settle.

    A centre without points moves to the point farthest from its own: what was normal elsewhere only is not normal here.

    >>> lloyd(np.array([[0.0], [1.0], [8.0], [9.0]]), np.array([[0.0], [50.0]])).ravel()
    array([0.5, 8.5])
    """
    variance = float(points.var(axis=0).mean())
    for _ in range(_STEPS):
        label = nearest(points, centers)
        sizes = np.bincount(label, minlength=len(centers))
        moved = np.zeros_like(centers)
        np.add.at(moved, label, points)
        moved /= np.maximum(sizes, 1)[:, None]
        if len(empty := np.flatnonzero(sizes == 0)):
            distance = np.square(points - centers[label]).sum(axis=1)
            farthest = np.argsort(-distance, kind="stable")[: len(empty)]
            moved[empty] = points[np.resize(farthest, len(empty))]
        change = float(np.square(moved - centers).sum(axis=1).max())
        centers = moved
        if change <= _SETTLED * variance:
            break
    return centers
