"""Fitting the scoring heads on what the file's network gives for normal windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np

from edge_runtime.arrays import FloatArray, IntArray
from edge_runtime.fitting.moments import Blocks, Floats, Moments, Rows, moments_of, thinned
from edge_runtime.fitting.whitening import inverse_root_of, whitening_of
from edge_runtime.inference.heads import Head

PROTOTYPES, WINDOWS_PER_PROTOTYPE = 64, 10
# Weight of the plain inputs beside the whitened layers in a codebook: whitening alone forgets which directions normal
# windows vary in, and prototypes of inputs alone forget how the sensors relate (figures in
# docs/concepts/scoring.md).
_INPUT_WEIGHT = 3.0
_CLUSTERED_WINDOWS = 5000


class Space:
    """The affine map from ``z`` to the space in which a head's centres lie: ``(z - mean) @ matrix``.

    Parameters
    ----------
    mean : ndarray of shape (d,)
    matrix : ndarray of shape (d, m), optional
        By default the identity.
    inputs : int
        How many of the last coordinates are plain inputs, which are the same whatever type the network is in.
    """

    def __init__(self, mean: Floats, matrix: Floats | None = None, inputs: int = 0) -> None:
        self._mean, self._matrix, self.inputs = mean, matrix, inputs

    def __call__(self, z: Rows) -> Floats:
        """Return where rows of shape (n, d) lie, shape (n, m)."""
        centered = z.astype(np.float64) - self._mean
        return centered if self._matrix is None else centered @ self._matrix


Clustering = Callable[[Floats, int, Space], Floats]
"""From rows ``z`` of shape (n, d), a number and a space to at most so many centres in that space, shape (K, m)."""


class NormalRows:
    """Rows to fit heads on, and what several heads need of them, computed once.

    Parameters
    ----------
    rows : Blocks
    """

    def __init__(self, rows: Blocks) -> None:
        self._rows = rows
        self._whitening: dict[bool, Floats] = {}

    def __iter__(self) -> Iterator[Rows]:
        """Yield the blocks."""
        return iter(self._rows)

    @cached_property
    def count(self) -> int:
        """Their number."""
        return sum(map(len, self._rows))

    @cached_property
    def moments(self) -> Moments:
        """Their number, mean and scatter."""
        return moments_of(self._rows)

    def whitening(self, *, allow_drift: bool) -> Floats:
        """Return their whitening matrix, see `edge_runtime.fitting.whitening.whitening_of`."""
        if allow_drift not in self._whitening:
            self._whitening[allow_drift] = whitening_of(self._rows, self.moments, allow_drift=allow_drift)
        return self._whitening[allow_drift]


def fit_rows(  # noqa: PLR0913 - what is fitted, on what, and how
    kind: str, rows: Blocks, inputs: int, clustering: Clustering, *, allow_drift: bool = False, modes: int = 1
) -> Head:
    """Fit a head on normal windows.

    Parameters
    ----------
    kind : str
        A key of `edge_runtime.inference.heads.PARTS`.
    rows : Blocks
        The head's ``z``, windows in time order. `NormalRows` share what other heads of the same rows have computed.
    inputs : int
        How many of its columns, the first, are inputs; for the head ``codebook``.
    clustering : Clustering
        For the heads ``codebook`` and ``modes``.
    allow_drift : bool
        See `edge_runtime.fitting.whitening.whitening_of`.
    modes : int
        Of the head ``modes``.
    """
    shared = rows if isinstance(rows, NormalRows) else NormalRows(rows)
    moments = shared.moments
    if kind == "spe":
        return spe_head(len(moments.mean))
    if kind == "modes":
        return _modes(shared, modes, clustering)
    whitening = shared.whitening(allow_drift=allow_drift)
    if kind == "codebook":
        return _codebook(rows, moments, whitening, inputs, clustering)
    return Head(kind, _float32(moments.mean), _float32(whitening))


def spe_head(width: int) -> Head:
    """Return the mean of the squared residual, which has nothing to fit."""
    return Head("spe", np.zeros(width, np.float32), np.full(width, width**-0.5, np.float32))


def _codebook(rows: Blocks, moments: Moments, whitening: Floats, inputs: int, clustering: Clustering) -> Head:
    """Return a head whose whitening has the plain inputs beside it, shape (d, d + inputs), with prototypes there."""
    plain = np.eye(len(whitening), inputs) * np.sqrt(_INPUT_WEIGHT * len(whitening) / inputs)
    joint = np.concatenate([whitening, plain], axis=1)
    space = Space(moments.mean, joint, inputs)
    count = max(1, min(PROTOTYPES, moments.count // WINDOWS_PER_PROTOTYPE))
    centers = clustering(thinned(rows, moments.count, _CLUSTERED_WINDOWS), count, space)
    return Head("codebook", _float32(moments.mean), _float32(joint), _float32(centers))


def _modes(rows: NormalRows, count: int, clustering: Clustering) -> Head:
    """Return a head with one centre and one whitening per mode."""
    mixture, mean = mixture_of(rows, count, clustering), rows.moments.mean
    whitenings = np.array([inverse_root_of(covariance) for covariance in covariances_of(mixture)])
    means = np.array([one.mean for one in mixture])
    centers = np.einsum("kd,kdm->km", means - mean, whitenings)
    return Head("modes", _float32(mean), _float32(whitenings), _float32(centers))


def mixture_of(rows: NormalRows, count: int, clustering: Clustering) -> list[Moments]:
    """Return the moments of each cluster of rows; of clusters without rows none."""
    if count == 1:
        return [rows.moments]
    centers = clustering(thinned(rows, rows.count, _CLUSTERED_WINDOWS), count, Space(np.zeros(1)))
    return [one for one in moments_by_label(rows, lambda block: nearest(block, centers), len(centers)) if one.count]


def covariances_of(mixture: list[Moments]) -> list[Floats]:
    """Return the covariance of each cluster, small ones shrunk towards the pooled one."""
    total = sum(one.count for one in mixture)
    d = len(mixture[0].mean)
    pooled = sum((one.scatter for one in mixture), np.zeros((d, d))) / total + 1e-6 * np.eye(d)
    return [(one.scatter + (d + 1) * pooled) / (one.count + d + 1) for one in mixture]


def moments_by_label(
    rows: Blocks, labels: Callable[[Rows], IntArray], count: int, *, diagonal: bool = False
) -> list[Moments]:
    """Return the moments of the rows with each label from 0 to `count` - 1."""
    totals: list[Moments] = []
    for block in rows:
        found = labels(block)
        parts = [Moments.of(block[found == label], diagonal=diagonal) for label in range(count)]
        totals = [one + part for one, part in zip(totals, parts, strict=True)] if totals else parts
    return totals


def nearest(points: Rows, centers: Floats) -> IntArray:
    """Return which of `centers`, shape (K, m), is nearest to each of `points`, shape (n,)."""
    x = points.astype(np.float64)
    return np.asarray((np.square(centers).sum(axis=1) - 2 * x @ centers.T).argmin(axis=1), np.int64)


def _float32(values: Floats) -> FloatArray:
    return np.ascontiguousarray(values, np.float32)
