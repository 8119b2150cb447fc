"""Fitting the scoring heads on the outputs of the file's network for normal windows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.covariance import ledoit_wolf_shrinkage, shrunk_covariance

from edge_runtime.arrays import FloatArray
from edge_runtime.inference.heads import PARTS, Head
from export.fitting.blocks import BLOCKS, block_bounds, block_variance

Floats = npt.NDArray[np.float64]
# A variable that is constant on normal windows (a dead unit) would cause a division by zero. This floor, relative
# to the mean variance, bounds its influence to that of a variable with a hundredth of the others' deviation.
_VARIANCE_FLOOR = 1e-4
_MOST_SHRINKAGE = 1e-3
_PROTOTYPES, _WINDOWS_PER_PROTOTYPE = 64, 10
# Weight of the plain inputs beside the whitened layers in a codebook: whitening alone forgets which directions normal
# windows vary in, and prototypes of inputs alone forget how the sensors relate (figures in
# docs/concepts/scoring.md).
_INPUT_WEIGHT = 3.0
_CLUSTERED_WINDOWS = 5000
_MODES = (2, 3, 4, 6, 8, 12)
_SHORTEST_STAY = 10
# A variable drifts if its block means vary by more than this share of its variance. The head then allows it the
# variance of that drift again, multiplied by this allowance.
DRIFTING, _DRIFT_ALLOWANCE = 0.4, 3.0


def fit_head(
    kind: str, parts: Mapping[str, FloatArray], *, allow_drift: bool = False, modes: int | None = None
) -> Head:
    """Fit a head on normal windows.

    Parameters
    ----------
    kind : str
        A key of `edge_runtime.inference.heads.PARTS`.
    parts : mapping
        Arrays of shape (n, width), as `edge_runtime.inference.heads.Head.score` takes them; windows in time order.
    allow_drift : bool
        Whether variables that drift through the recording count less: three times the variance of their block means is
        added to their variance.
    modes : int, optional
        Of the head ``modes``; by default as many as `mode_count` finds, which takes far longer than the fit.

    Notes
    -----
    The covariance is shrunk towards a multiple of the identity in correlation space, by the
    coefficient of Ledoit and Wolf (2004, A well-conditioned estimator for large-dimensional covariance matrices), at
    most 1/1000: anomalies show where normal windows hardly vary, and more shrinkage hides them there. Its inverse
    square root is symmetric (ZCA-cor: Kessy, Lewin and Strimmer, 2018, Optimal whitening and decorrelation).
    """
    z = np.concatenate([parts[name] for name in PARTS[kind]], axis=1).astype(np.float64)
    if kind == "spe":
        return spe_head(z.shape[1])
    if kind == "modes":
        return _modes(z, mode_count(z) if modes is None else modes)
    whitening = _whitening(z, allow_drift=allow_drift)
    mean = z.mean(axis=0)
    if kind == "codebook":
        whitening, centers = _codebook(z - mean, whitening, parts["inputs"].shape[1])
        return Head(kind, _float32(mean), _float32(whitening), _float32(centers))
    return Head(kind, _float32(mean), _float32(whitening))


def spe_head(width: int) -> Head:
    """Return the mean of the squared residual, which has nothing to fit."""
    return Head("spe", np.zeros(width, np.float32), np.full(width, width**-0.5, np.float32))


def _whitening(z: Floats, *, allow_drift: bool = False) -> Floats:
    """Return the symmetric whitening matrix of `z`, shape (d, d)."""
    deviation = _deviation(z)
    standard = (z - z.mean(axis=0)) / deviation
    correlation = _shrunk(standard)
    if allow_drift:
        drift = block_variance(standard)
        correlation += np.diag(np.where(drift > DRIFTING, _DRIFT_ALLOWANCE * drift, 0.0))
    return _inverse_root(correlation) / deviation[:, None]


def _deviation(z: Floats) -> Floats:
    variance = z.var(axis=0)
    return np.asarray(np.sqrt(np.maximum(variance, _VARIANCE_FLOOR * max(float(variance.mean()), 1e-12))))


def _shrunk(standard: Floats) -> Floats:
    shrinkage = min(ledoit_wolf_shrinkage(standard, assume_centered=True), _MOST_SHRINKAGE)
    correlation = standard.T @ standard / len(standard)
    # Of a variable at the variance floor the product is less, and its inverse would weigh it a thousand times.
    np.fill_diagonal(correlation, 1.0)
    return np.asarray(shrunk_covariance(correlation, shrinkage))


def _inverse_root(matrix: Floats) -> Floats:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors / np.sqrt(np.maximum(values, 1e-6))) @ vectors.T)


def _codebook(z: Floats, whitening: Floats, inputs: int) -> tuple[Floats, Floats]:
    """Return the whitening with the plain inputs beside it, shape (d, d + inputs), and the prototypes in that space."""
    plain = np.eye(len(whitening), inputs) * np.sqrt(_INPUT_WEIGHT * len(whitening) / inputs)
    joint = np.concatenate([whitening, plain], axis=1)
    prototypes = max(1, min(_PROTOTYPES, len(z) // _WINDOWS_PER_PROTOTYPE))
    return joint, _clusters(z @ joint, prototypes).cluster_centers_


def _clusters(points: Floats, count: int) -> KMeans:
    points = points[:: -(-len(points) // _CLUSTERED_WINDOWS)]
    distinct = len(np.unique(points, axis=0)) if len(points) > count else 1
    return KMeans(min(count, distinct), n_init=1, random_state=0).fit(points)


def _modes(x: Floats, count: int) -> Head:
    """Fit one centre and one whitening per mode."""
    mean, mixture = x.mean(axis=0), _Mixture(x, count)
    whitenings = np.array([_inverse_root_of(covariance) for covariance in mixture.covariances])
    centers = np.einsum("kd,kdm->km", mixture.means - mean, whitenings)
    return Head("modes", _float32(mean), _float32(whitenings), _float32(centers))


def mode_count(x: Floats) -> int:
    """Return the number of modes under which held-out blocks are most likely; 1 if more do not help.

    A mode lasts, and comes back: clusters that are left after a few windows are the shape of one distribution, and one
    that is seen only once is a drift. Where there are modes, one may take several clusters: few are Gaussian.

    Parameters
    ----------
    x : ndarray of shape (n, inputs), float64
        Scaled inputs of normal windows, in time order.
    """
    if not any(_stays(x, count) for count in _MODES):
        return 1
    likelihood = dict.fromkeys((1, *_MODES), 0.0)
    for start, stop in block_bounds(len(x)):
        rest = np.concatenate([x[:start], x[stop:]])
        for count in likelihood:
            if count == 1 or len(rest) >= _WINDOWS_PER_PROTOTYPE * count * 2:
                likelihood[count] += _Mixture(rest, count).log_likelihood(x[start:stop])
            else:
                likelihood[count] = -np.inf
    return max(likelihood, key=lambda count: likelihood[count])


def _stays(x: Floats, count: int) -> bool:
    """Return whether clusters last, ten windows on average, and recur; otherwise they are a drift."""
    labels = _clusters(x, count).predict(x)
    changes = int((np.diff(labels) != 0).sum())
    seen = [set(labels[start:stop].tolist()) for start, stop in block_bounds(len(x))]
    comes_back = all(sum(cluster in block for block in seen) > BLOCKS // 2 for cluster in set(labels.tolist()))
    return comes_back and len(x) >= _SHORTEST_STAY * (changes + 1)


class _Mixture:
    """k-means clusters as Gaussians, with the covariances of small clusters shrunk towards the pooled one."""

    def __init__(self, x: Floats, count: int) -> None:
        clusters = _clusters(x, count)
        labels = clusters.predict(x)
        count = len(clusters.cluster_centers_)
        self.means = np.array([x[labels == k].mean(axis=0) for k in range(count) if (labels == k).any()])
        sizes = np.array([n for n in np.bincount(labels, minlength=count) if n])
        scatters = [_scatter(x[labels == k]) for k in range(count) if (labels == k).any()]
        pooled = sum(scatters) / len(x) + 1e-6 * np.eye(x.shape[1])
        weight = x.shape[1] + 1
        self.covariances = [
            (scatter + weight * pooled) / (size + weight) for scatter, size in zip(scatters, sizes, strict=True)
        ]
        self.shares = sizes / len(x)

    def log_likelihood(self, x: Floats) -> float:
        """Return the summed log-likelihood of rows, each under its likeliest mode, without constants."""
        rows = []
        for mean, covariance, share in zip(self.means, self.covariances, self.shares, strict=True):
            whitened = (x - mean) @ _inverse_root_of(covariance)
            log_det = np.linalg.slogdet(covariance)[1]
            rows.append(np.log(share) - 0.5 * log_det - 0.5 * np.square(whitened).sum(axis=1))
        return float(np.max(rows, axis=0).sum())


def _scatter(x: Floats) -> Floats:
    centered: Floats = x - x.mean(axis=0)
    return np.asarray(centered.T @ centered)


def _inverse_root_of(covariance: Floats) -> Floats:
    deviation = np.sqrt(np.maximum(np.diag(covariance), 1e-12))
    correlation = covariance / np.outer(deviation, deviation)
    correlation = (1 - _MOST_SHRINKAGE) * correlation + _MOST_SHRINKAGE * np.eye(len(correlation))
    return np.asarray(_inverse_root(correlation) / deviation[:, None])


def _float32(values: Floats) -> FloatArray:
    return np.ascontiguousarray(values, np.float32)
