"""Fitting the scoring heads on a workstation, where modes are counted and k-means is scikit-learn's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from sklearn.cluster import KMeans, kmeans_plusplus

from edge_runtime.arrays import FloatArray
from edge_runtime.fitting.blocks import BLOCKS, block_bounds
from edge_runtime.fitting.heads import WINDOWS_PER_PROTOTYPE, NormalRows, Space, covariances_of, fit_rows, mixture_of
from edge_runtime.fitting.moments import Floats, thinned
from edge_runtime.fitting.whitening import inverse_root_of
from edge_runtime.inference.heads import PARTS, Head

# Forty for each of 64 prototypes; twice as many take twice as long and choose the same heads.
_CLUSTERED_WINDOWS = 2500
_MODES = (2, 3, 4, 6, 8, 12)
_SHORTEST_STAY = 10
# Numbers of modes in a row that are less likely, and by how much a window the last is, in nats.
_ENOUGH_WORSE, _CLEARLY = 3, 0.1
_FEW = 4


def fit_head(
    kind: str, parts: Mapping[str, FloatArray], *, allow_drift: bool = False, modes: int | None = None
) -> Head:
    """Fit a head on normal windows; see `edge_runtime.fitting.heads.fit_rows`.

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
        Of the head ``modes``; by default as many as `modes_in` finds, which takes far longer than the fit.
    """
    z = np.concatenate([parts[name] for name in PARTS[kind]], axis=1).astype(np.float64)
    count = modes_in(z).number if kind == "modes" and modes is None else modes or 1
    inputs = parts["inputs"].shape[1] if "inputs" in PARTS[kind] else 0
    return fit_rows(kind, [z], inputs, k_means, allow_drift=allow_drift, modes=count)


def k_means(rows: Floats, count: int, space: Space) -> Floats:
    """Return the centres of k-means++ clusters; see `edge_runtime.fitting.heads.Clustering`.

    The first centres are drawn by the inputs alone, if there are any among the coordinates: drawn by what a network
    gives, they would be others for every type that it is quantised to, and so would the ranking of its scores.
    """
    points = space(thinned([rows], len(rows), _CLUSTERED_WINDOWS))
    centers: Floats = _clusters(points, count, space.inputs).cluster_centers_.astype(np.float64)
    return centers


def _clusters(points: Floats, count: int, inputs: int = 0) -> KMeans:
    drawn_by = np.ascontiguousarray(points[:, -inputs:])
    count = _distinct(drawn_by, count)
    # Float32 halves the time of the steps and moves no point to another cluster; the first centres, on which all the
    # rest depends, are drawn in float64, in which scikit-learn computes those distances in any case.
    _, drawn = kmeans_plusplus(drawn_by, count, random_state=0)
    return KMeans(count, init=points[drawn].astype(np.float32), n_init=1).fit(points.astype(np.float32))


def _distinct(points: Floats, most: int) -> int:
    """Return the number of distinct points, at most `most`; 1 if there are no more points than that."""
    if len(points) <= most:
        return 1
    # Sorting all of them takes as long as clustering; the first few nearly always suffice.
    few = np.unique(points[: _FEW * most], axis=0)
    return min(most, len(few) if len(few) >= most else len(np.unique(points, axis=0)))


class Modes(NamedTuple):
    """Modes of operation.

    Parameters
    ----------
    number : int
    by_block : tuple of float
        Mean log-likelihood of the windows of each block under so many modes of all others, in nats; unknown where
        clusters do not even last.
    """

    number: int
    by_block: tuple[float, ...] = (-np.inf,)

    @property
    def likelihood(self) -> float:
        """The mean over the blocks, which are of one length."""
        return float(np.mean(self.by_block))


def modes_in(x: Floats) -> Modes:
    """Return the modes under which held-out blocks are most likely; one if more do not help.

    A mode lasts, and comes back: clusters that are left after a few windows are the shape of one distribution, and one
    that is seen only once is a drift. Where there are modes, one may take several clusters: few are Gaussian. Larger
    numbers are not tried once three in a row are less likely than a smaller one, the last of them clearly: of 182
    recordings, most of them simulated, none would have got another number.

    Parameters
    ----------
    x : ndarray of shape (n, inputs), float64
        Scaled inputs of normal windows, in time order.
    """
    if not any(_stays(x, count) for count in _MODES):
        return Modes(1)
    parts = _parts(x)
    best, worse = Modes(1), 0
    for count in (1, *_MODES):
        modes = _held_out(parts, count)
        if modes.likelihood > best.likelihood:
            best, worse = modes, 0
            continue
        worse += 1
        if worse >= _ENOUGH_WORSE and modes.likelihood < best.likelihood - _CLEARLY:
            break
    return best


def one_mode_in(x: Floats) -> Modes:
    """Return how likely held-out blocks are under one mode; see `modes_in`."""
    return _held_out(_parts(x), 1)


def _parts(x: Floats) -> list[tuple[NormalRows, Floats]]:
    return [(NormalRows([x[:start], x[stop:]]), x[start:stop]) for start, stop in block_bounds(len(x))]


def _held_out(parts: list[tuple[NormalRows, Floats]], count: int) -> Modes:
    """Return how likely blocks are by modes of all other rows, with as many."""
    if count > 1 and any(rest.count < WINDOWS_PER_PROTOTYPE * count * 2 for rest, _ in parts):
        return Modes(count)
    return Modes(count, tuple(_log_likelihood(rest, count, block) for rest, block in parts))


def _stays(x: Floats, count: int) -> bool:
    """Return whether clusters last, ten windows on average, and recur; otherwise they are a drift."""
    labels = _clusters(thinned([x], len(x), _CLUSTERED_WINDOWS), count).predict(x.astype(np.float32))
    changes = int((np.diff(labels) != 0).sum())
    seen = [set(labels[start:stop].tolist()) for start, stop in block_bounds(len(x))]
    comes_back = all(sum(cluster in block for block in seen) > BLOCKS // 2 for cluster in set(labels.tolist()))
    return comes_back and len(x) >= _SHORTEST_STAY * (changes + 1)


def _log_likelihood(fitted_on: NormalRows, count: int, x: Floats) -> float:
    """Return the mean log-likelihood of rows, each under its likeliest mode of others, without constants."""
    mixture, rows = mixture_of(fitted_on, count, k_means), []
    for one, covariance in zip(mixture, covariances_of(mixture), strict=True):
        whitened = (x - one.mean) @ inverse_root_of(covariance)
        log_det = np.linalg.slogdet(covariance)[1]
        rows.append(np.log(one.count / fitted_on.count) - 0.5 * log_det - 0.5 * np.square(whitened).sum(axis=1))
    return float(np.max(rows, axis=0).mean())
