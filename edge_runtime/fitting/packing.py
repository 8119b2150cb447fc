"""From a head in full precision to the same head in integers, see `edge_runtime.inference.packed_head`.

Rounding moves the factor L of the precision matrix to ``L + E``, and what is whitened to w to ``w + w (inv(L) E)``.
Each element is therefore rounded so as to undo what the elements above it have done to ``inv(L) E`` (the nearest plane
of a lattice). With eight bits that leaves a fraction of the error of rounding each element for itself.

References
----------
Golub and Van Loan (2013), Matrix Computations, chapter 5: of ``W' = Q R``, R' is the Cholesky factor of ``W W'``.
Babai (1986), On Lovász' lattice reduction and the nearest lattice point problem.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from edge_runtime.arrays import IntArray
from edge_runtime.fitting.moments import Floats
from edge_runtime.inference.heads import Head, ScoringHead
from edge_runtime.inference.packed_head import LARGEST, PackedHead

# Values u are in 1/64 of what a variable deviates once the others are known, and reach at least 32 deviations.
_STEPS, _STEPS_AT_MOST = 64, 1024
# Whitened values are in 1/256 where the sums allow it.
_FINEST, _COARSEST = 8, -24
_MOST_BITS = 22
# Figures in docs/benchmarks/cortex-m.md: 8 bits cost the first no detection, and the last 0.008 of ROC-AUC in places.
_COARSE, _FINE = ("inputs", "modes"), ("t2",)
LARGEST_COARSE = 127
"""Of an element in 8 bits."""
_BYTES_PER_VARIABLE = 6
# Of a column's elements before they are rounded; times `LARGEST`, 31 bits, with a tenth to spare.
_LARGEST_SUM = 60_000


class _Triangle(NamedTuple):
    """One whitening as a triangular factor.

    Parameters
    ----------
    gain : ndarray of shape (d,)
        From each variable's unit to that of u, a power of two; 0 for those that have no weight.
    factor : ndarray of shape (d, d)
        Lower triangular: ``|u @ factor|²`` is the squared distance.
    rotation : ndarray of shape (m, d)
        From the whitened space to that of ``u @ factor``.
    """

    gain: Floats
    factor: Floats
    rotation: Floats


class _Rounded(NamedTuple):
    """The factor of one whitening in integers, ``integers / 2 ** bits``.

    Parameters
    ----------
    integers : ndarray of shape (d, d)
    bits : ndarray of shape (d,)
        Of each column.
    """

    integers: Floats
    bits: IntArray


def pack(head: Head, fine: int | None = None) -> ScoringHead:
    """Return the head in integers; one with a diagonal whitening as it is, for it is small already.

    Parameters
    ----------
    head : Head
    fine : int, optional
        Leading columns of the factor that have 16 bits; the others have 8. By default as `fine_columns` says.

    Examples
    --------
    >>> head = Head("inputs", np.zeros(2), np.array([[1.0, 0.5], [0.5, 2.0]]))
    >>> rows = np.array([[1.0, -1.0], [3.0, 8.0]])
    >>> head.score_rows(rows), pack(head).score_rows(rows).round(2)
    (array([  2.5 , 355.25]), array([  2.49, 355.77], dtype=float32))
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
    fine = fine_columns(head.kind, head.width) if fine is None else fine
    most = np.where(np.arange(head.width) < fine, LARGEST, LARGEST_COARSE)
    return _in_integers(head.kind, mean, triangles, centers, most)


def fine_columns(kind: str, width: int) -> int:
    """Return how many leading columns of the factor, an even number, have 16 bits; the others have 8.

    The leading ones are the longest and need it most. Where there are both, factor, mean, gain and shift take a quarter
    of what a dense matrix of floats and a mean take.

    Examples
    --------
    >>> [fine_columns("t2x", width) for width in (12, 24, 112)], fine_columns("inputs", 112)
    ([0, 6, 74], 0)
    """
    if kind in _COARSE:
        return 0
    room = width**2 if kind in _FINE else width * (width + 1) // 2 - _BYTES_PER_VARIABLE * width - width % 2
    return int(np.sum(np.cumsum(np.arange(width, 0, -1)) <= room)) // 2 * 2


def factor_bytes(kind: str, width: int) -> int:
    """Return the bytes that a factor takes."""
    coarse = width - fine_columns(kind, width)
    return width * (width + 1) - coarse * (coarse + 1) // 2


def _triangle(whitening: Floats) -> _Triangle:
    """Return the factor of one whitening of shape (d, m)."""
    d = len(whitening)
    active = np.flatnonzero(np.abs(whitening).sum(axis=1))
    rotation, upper = np.linalg.qr(whitening[active].T)
    # Prototypes have weights beside the square whitening, which would narrow the deviations to below those of the data.
    square = whitening[np.ix_(active, active)] if whitening.shape[1] > d else whitening[active]
    gain, factor, whole = np.zeros(d), np.zeros((d, d)), np.zeros((whitening.shape[1], d))
    gain[active], whole[:, active] = _gain(square), rotation
    factor[np.ix_(active, active)] = upper.T / gain[active, None]
    return _Triangle(gain, factor, whole)


def _gain(whitening: Floats) -> Floats:
    """Return each variable's gain, of a square whitening."""
    deviation = np.linalg.norm(np.linalg.inv(np.linalg.qr(whitening.T, mode="r")), axis=1)
    of_rest = np.linalg.norm(whitening, axis=1)
    return np.asarray(np.exp2(np.rint(np.log2(np.minimum(_STEPS * of_rest, _STEPS_AT_MOST / deviation)))))


def _offset(one: _Triangle, center: Floats) -> Floats:
    """Return how far a centre is from the mean, in the units of ``z``."""
    return np.asarray(np.linalg.solve(one.factor.T, one.rotation.T @ center) / one.gain)


def _in_integers(
    kind: str, mean: Floats, triangles: list[_Triangle], centers: Floats | None, most: IntArray
) -> PackedHead:
    """Return the head, of columns up to `most`, with the finest whitened values at which no sum can overflow."""
    rounded = [_rounded(one.factor, most) for one in triangles]
    column, row = np.triu_indices(mean.shape[-1])
    factor = np.stack([one.integers[row, column] for one in rounded])
    bits, gain = np.stack([one.bits for one in rounded]), np.stack([one.gain for one in triangles])
    shape = mean.shape
    for fraction in range(_FINEST, _COARSEST, -1):
        fine = None if centers is None else np.rint(np.ldexp(centers, fraction))
        head = PackedHead(
            kind,
            mean.astype(np.float32),
            gain.astype(np.float32).reshape(shape),
            factor.astype(np.int16).reshape(*shape[:-1], -1),
            np.clip(bits - fraction, 0, 127).astype(np.int8).reshape(shape),
            2.0 ** (-2 * fraction),
            None if fine is None else np.clip(fine, -LARGEST, LARGEST).astype(np.int16),
        )
        if not head.problem() and (fine is None or np.abs(fine).max(initial=0.0) <= LARGEST):
            break
    return head


def _rounded(factor: Floats, most: IntArray) -> _Rounded:
    """Return a factor in integers, each column up to its `most` and in the better of two scales."""
    active = np.flatnonzero(np.diag(factor))
    part = factor[np.ix_(active, active)]
    scale = np.minimum(most[active] / np.abs(part).max(axis=0), _LARGEST_SUM / np.abs(part).sum(axis=0))
    finest = np.minimum(np.floor(np.log2(scale)), _MOST_BITS)
    fine, coarse = (_nearest_plane(part, bits, most[active]) for bits in (finest, finest - 1))
    is_better = coarse[1] < fine[1]
    integers, bits = np.zeros_like(factor), np.full(len(factor), _MOST_BITS)
    integers[np.ix_(active, active)] = np.where(is_better, coarse[0], fine[0])
    bits[active] = finest - is_better
    return _Rounded(integers, bits)


def _nearest_plane(factor: Floats, bits: Floats, most: IntArray) -> tuple[Floats, Floats]:
    """Return integers for ``factor * 2 ** bits``, and of each column the square of ``inv(factor) @ error``."""
    inverse, step = np.linalg.inv(factor), np.exp2(-bits)
    integers, error = np.zeros_like(factor), np.zeros_like(factor)
    for row in range(len(factor)):
        columns = np.s_[: row + 1]
        wanted = factor[row, columns] - inverse[row, :row] @ error[:row, columns] / inverse[row, row]
        integers[row, columns] = np.clip(np.rint(wanted / step[columns]), -most[columns], most[columns])
        error[row, columns] = integers[row, columns] * step[columns] - factor[row, columns]
    return integers, np.square(inverse @ error).sum(axis=0)
