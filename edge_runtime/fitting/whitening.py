"""The matrix that whitens normal rows: the inverse root of their shrunk covariance.

The covariance is shrunk towards a multiple of the identity in correlation space, by the coefficient of Ledoit and Wolf,
at most 1/1000: anomalies show where normal windows hardly vary, and more shrinkage hides them there. Its inverse
square root is symmetric (ZCA-cor).

References
----------
Ledoit and Wolf (2004), A well-conditioned estimator for large-dimensional covariance matrices.
Kessy, Lewin and Strimmer (2018), Optimal whitening and decorrelation.
"""

from __future__ import annotations

import numpy as np

from edge_runtime.fitting.blocks import block_bounds
from edge_runtime.fitting.moments import Blocks, Floats, Moments

# A variable that is constant on normal windows (a dead unit) would cause a division by zero. This floor, relative
# to the mean variance, bounds its influence to that of a variable with a hundredth of the others' deviation.
_VARIANCE_FLOOR = 1e-4
_MOST_SHRINKAGE = 1e-3
# A variable drifts if its block means vary by more than this share of its variance. The head then allows it the
# variance of that drift again, multiplied by this allowance.
DRIFTING, _DRIFT_ALLOWANCE, _DRIFT_PARTS = 0.4, 3.0, 8


def whitening_of(rows: Blocks, moments: Moments, *, allow_drift: bool = False) -> Floats:
    """Return the symmetric whitening matrix of rows, shape (d, d).

    Parameters
    ----------
    rows : Blocks
    moments : Moments
        Of these rows.
    allow_drift : bool
        Whether variables that drift through the rows count less: three times the variance of their block means is added
        to their variance.
    """
    deviation = _deviation(moments.variance)
    correlation = moments.covariance / np.outer(deviation, deviation)
    shrinkage = min(ledoit_wolf(correlation, moments.count, _fourth_power(rows, moments, deviation)), _MOST_SHRINKAGE)
    # Of a variable at the variance floor the product is less, and its inverse would weigh it a thousand times.
    np.fill_diagonal(correlation, 1.0)
    correlation = (1 - shrinkage) * correlation + shrinkage * np.eye(len(correlation))
    if allow_drift:
        drift = drift_of(rows, moments.count) / np.square(deviation)
        correlation += np.diag(np.where(drift > DRIFTING, _DRIFT_ALLOWANCE * drift, 0.0))
    return inverse_root(correlation) / deviation[:, None]


def ledoit_wolf(covariance: Floats, count: int, fourth_power: float) -> float:
    """Return Ledoit and Wolf's shrinkage of centred rows.

    Parameters
    ----------
    covariance : ndarray of shape (d, d)
    count : int
        Number of rows.
    fourth_power : float
        Mean of ``|x|⁴`` over the rows.
    """
    d = len(covariance)
    norm = float(np.square(covariance).sum())
    distance = norm - float(np.trace(covariance)) ** 2 / d
    noise = (fourth_power - norm) / max(count, 1)
    return 0.0 if noise <= 0 or distance <= 0 else min(noise / distance, 1.0)


def drift_of(rows: Blocks, count: int) -> Floats:
    """Return the variance of each column's means over eight parts of `count` rows, shape (d,).

    About 8 / n of a column's variance if its rows are independent.

    >>> drifting = np.linspace(-1, 1, 80)[:, None]
    >>> drift_of([np.concatenate([drifting, (-1.0) ** np.arange(80)[:, None]], axis=1)], 80).round(2)
    array([0.38, 0.  ])
    """
    edges = [stop for start, stop in block_bounds(count, _DRIFT_PARTS) if stop > start]
    part, sums, sizes, seen = 0, [np.zeros(1)] * len(edges), np.diff(edges, prepend=0), 0
    for block in rows:
        first = 0
        while first < len(block):
            last = min(len(block), first + edges[part] - seen)
            sums[part] = sums[part] + block[first:last].sum(axis=0, dtype=np.float64)
            seen, first = seen + last - first, last
            part += seen == edges[part]
    means = np.stack(sums) / sizes[:, None]
    return np.asarray(np.var(means, axis=0, ddof=1 if len(means) > 1 else 0))


def inverse_root_of(covariance: Floats) -> Floats:
    """Return the whitening matrix of a covariance, shrunk by 1/1000 in correlation space."""
    deviation = np.sqrt(np.maximum(np.diag(covariance), 1e-12))
    correlation = covariance / np.outer(deviation, deviation)
    correlation = (1 - _MOST_SHRINKAGE) * correlation + _MOST_SHRINKAGE * np.eye(len(correlation))
    return np.asarray(inverse_root(correlation) / deviation[:, None])


def inverse_root(matrix: Floats) -> Floats:
    """Return the symmetric inverse square root, directions of no variance left finite."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors / np.sqrt(np.maximum(values, 1e-6))) @ vectors.T)


def _deviation(variance: Floats) -> Floats:
    return np.asarray(np.sqrt(np.maximum(variance, _VARIANCE_FLOOR * max(float(variance.mean()), 1e-12))))


def _fourth_power(rows: Blocks, moments: Moments, deviation: Floats) -> float:
    total, weights = 0.0, deviation**-2
    for block in rows:
        lengths = np.square(block - moments.mean) @ weights
        total += float(lengths @ lengths)
    return total / max(moments.count, 1)
