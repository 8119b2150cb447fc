"""From a head in full precision to the same head in integers, see `edge_runtime.inference.packed_head`.

References
----------
Golub and Van Loan (2013), Matrix Computations, chapter 5: of ``W' = Q R``, R' is the Cholesky factor of ``W W'``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from edge_runtime.arrays import IntArray
from edge_runtime.fitting.moments import Floats
from edge_runtime.inference.heads import Head, ScoringHead
from edge_runtime.inference.packed_head import LARGEST, PackedHead

# Values u are in 1/256 of a deviation, up to 128 of them; whitened values are as fine where the sums allow it.
_STEPS, _FINEST, _COARSEST = 256, 8, -24
_MOST_BITS = 14


class _Triangle(NamedTuple):
    """One whitening as a triangular factor.

    Parameters
    ----------
    deviation : ndarray of shape (d,)
        Unit of each variable; 0 for those that have no weight.
    factor : ndarray of shape (d, d)
        Lower triangular: ``|u @ factor|²`` is the squared distance, u in these units.
    rotation : ndarray of shape (m, d)
        From the whitened space to that of ``u @ factor``.
    """

    deviation: Floats
    factor: Floats
    rotation: Floats


def pack(head: Head) -> ScoringHead:
    """Return the head in integers; one with a diagonal whitening as it is, for it is small already.

    Examples
    --------
    >>> head = Head("inputs", np.zeros(2), np.array([[1.0, 0.5], [0.5, 2.0]]))
    >>> rows = np.array([[1.0, -1.0], [3.0, 8.0]])
    >>> head.score_rows(rows), pack(head).score_rows(rows).round(2)
    (array([  2.5 , 355.25]), array([  2.5 , 355.36], dtype=float32))
    """
    if head.whitening.ndim == 1:
        return head
    triangles = [_triangle(one) for one in head.whitening.reshape(-1, *head.whitening.shape[-2:]).astype(np.float64)]
    mean, centers = head.mean.astype(np.float64), None
    if head.whitening.ndim == 3 and head.centers is not None:
        found = zip(triangles, head.centers.astype(np.float64), strict=True)
        mean = np.stack([mean + _offset(one, center) for one, center in found])
    elif head.centers is not None:
        centers = head.centers @ triangles[0].rotation
    return _rounded(head.kind, mean, triangles, centers)


def _triangle(whitening: Floats) -> _Triangle:
    """Return the factor of one whitening of shape (d, m)."""
    d = len(whitening)
    active = np.flatnonzero(np.abs(whitening).sum(axis=1))
    rotation, upper = np.linalg.qr(whitening[active].T)
    # Prototypes have weights beside the square whitening, which would narrow the deviations to below those of the data.
    square = whitening[np.ix_(active, active)] if whitening.shape[1] > d else whitening[active]
    unit = np.linalg.norm(np.linalg.inv(np.linalg.qr(square.T, mode="r")), axis=1)
    deviation, factor, whole = np.zeros(d), np.zeros((d, d)), np.zeros((whitening.shape[1], d))
    deviation[active], whole[:, active] = unit, rotation
    factor[np.ix_(active, active)] = unit[:, None] * upper.T
    return _Triangle(deviation, factor, whole)


def _offset(one: _Triangle, center: Floats) -> Floats:
    """Return how far a centre is from the mean, in the units of ``z``."""
    return np.asarray(np.linalg.solve(one.factor.T, one.rotation.T @ center) * one.deviation)


def _rounded(kind: str, mean: Floats, triangles: list[_Triangle], centers: Floats | None) -> PackedHead:
    """Return the head with the finest whitened values at which no sum can overflow."""
    bits = np.stack([_bits_of(one.factor) for one in triangles])
    column, row = np.triu_indices(len(triangles[0].deviation))
    factor = np.stack([np.rint(np.ldexp(one.factor, b))[row, column] for one, b in zip(triangles, bits, strict=True)])
    gain = np.stack([_gain(one.deviation) for one in triangles])
    shape = mean.shape
    for fraction in range(_FINEST, _COARSEST, -1):
        fine = None if centers is None else np.rint(np.ldexp(centers, fraction))
        head = PackedHead(
            kind,
            mean.astype(np.float32),
            gain.astype(np.float32).reshape(shape),
            factor.astype(np.int16).reshape(*shape[:-1], -1),
            np.clip(bits + _FINEST - fraction, 0, 127).astype(np.int8).reshape(shape),
            2.0 ** (-2 * fraction),
            None if fine is None else np.clip(fine, -LARGEST, LARGEST).astype(np.int16),
        )
        if not head.problem() and (fine is None or np.abs(fine).max(initial=0.0) <= LARGEST):
            break
    return head


def _bits_of(factor: Floats) -> IntArray:
    """Return by how many bits each column may be shifted left and still fit in 16 bits."""
    most = np.abs(factor).max(axis=0)
    bits = np.floor(np.log2(LARGEST / np.maximum(most, 1e-300)))
    return np.asarray(np.minimum(bits, _MOST_BITS), np.int64)


def _gain(deviation: Floats) -> Floats:
    return np.divide(_STEPS, deviation, out=np.zeros_like(deviation), where=deviation > 0)
