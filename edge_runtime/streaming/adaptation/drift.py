"""The drift meter: whether the model still fits the machine.

The training penalty holds each code's mean activation near ρ. Export strips the penalty; here it returns
as a measure: ``sum_j KL(rho_train_j || rho_live_j)``, with ``rho_live`` the mean activation of code j over the
last windows. It is near zero while the codes are used as in training, and grows when the machine works in a
way that the model has not seen, whether or not single scores stand out.

References
----------
Kullback and Leibler (1951), On information and sufficiency.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray
from edge_runtime.model_file.manifest import DriftLimit

_EPSILON = 1e-4
"""Mean activations are kept this far from 0 and 1: an int8 code that was never seen active has a finite divergence."""
_BINS = 16
"""The sliding window moves in steps of 1/16 of its width, so that it needs sums alone and not the codes."""
_LONGEST, _SHORTEST, _BLOCKS = 512, 32, 8
_MARGIN = 2.0
"""The limit is this many times the largest drift between parts of the normal data."""


def divergence(train: npt.ArrayLike, live: npt.ArrayLike) -> float:
    """Return ``sum_j KL(train_j || live_j)`` between mean activations of shape (units,), in nats.

    Examples
    --------
    >>> divergence([0.05, 0.05], [0.05, 0.05])
    0.0
    >>> divergence([0.05, 0.05], [0.05, 0.5])
    0.49463
    """
    return float(_divergences(np.asarray(train, np.float64), np.asarray(live, np.float64)[None])[0])


def _divergences(train: npt.NDArray[np.float64], live: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the divergence of each row of `live`, shape (n, units)."""
    p, q = np.clip(train, _EPSILON, 1 - _EPSILON), np.clip(live, _EPSILON, 1 - _EPSILON)
    terms = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    return np.asarray(terms.sum(axis=1), np.float64)


def fit_drift_limit(codes: FloatArray) -> DriftLimit | None:
    """Return the width of the sliding window and the limit that normal codes keep to.

    The codes are cut into successive blocks; each block's drift is measured against the mean of all others,
    just as a live window is measured against the training data.

    Parameters
    ----------
    codes : ndarray of shape (n, units)
        The exported file's codes of successive normal windows.

    Returns
    -------
    DriftLimit or None
        None if there are too few windows.
    """
    window = min(_LONGEST, len(codes) // _BLOCKS)
    if window < _SHORTEST:
        return None
    sums = np.add.reduceat(
        codes[: len(codes) // window * window].astype(np.float64), range(0, len(codes) // window * window, window)
    )
    others = (sums.sum(axis=0) - sums) / (window * (len(sums) - 1))
    largest = max(divergence(other, block / window) for other, block in zip(others, sums, strict=True))
    return DriftLimit(window, _MARGIN * largest)


@dataclass(frozen=True)
class DriftState:
    """What `DriftMeter` remembers, ready for a file.

    Parameters
    ----------
    bins : tuple of tuple of float
        Summed codes of the last complete bins, oldest first.
    partial : tuple of float
        Summed codes of the bin being filled.
    count : int
        Windows in it.
    value : float or None
        The current drift.
    """

    bins: tuple[tuple[float, ...], ...] = ()
    partial: tuple[float, ...] = ()
    count: int = 0
    value: float | None = None


class DriftMeter:
    """Divergence of the live mean activation from training's, over a sliding window.

    Parameters
    ----------
    mean_activation : sequence of float
        Of the training data, one per code.
    window : int
        Windows to look back.

    Examples
    --------
    >>> meter = DriftMeter([0.5], window=16)
    >>> meter.update_many(np.full((17, 1), 0.5, np.float32))[[0, 16]]
    array([nan,  0.], dtype=float32)
    """

    def __init__(self, mean_activation: Sequence[float], window: int) -> None:
        self._reference = np.asarray(mean_activation, np.float64)
        self._per_bin = max(1, window // _BINS)
        self.reset()

    def reset(self) -> None:
        """Forget all codes."""
        units = len(self._reference)
        self._bins: npt.NDArray[np.float64] = np.empty((0, units))
        self._partial = np.zeros(units)
        self._count = 0
        self.value = float("nan")

    def update_many(self, codes: FloatArray) -> FloatArray:
        """Return the drift after each of `codes`, shape (n,), float32; NaN until the window is full once.

        Parameters
        ----------
        codes : ndarray of shape (n, units), float32
        """
        n, per_bin = len(codes), self._per_bin
        first = per_bin - self._count
        if n < first:
            self._partial += codes.sum(axis=0)
            self._count += n
            return np.full(n, self.value, np.float32)
        whole = (n - first) // per_bin
        rest = first + whole * per_bin
        bins = np.empty((1 + whole, len(self._reference)))
        bins[0] = self._partial + codes[:first].sum(axis=0)
        bins[1:] = codes[first:rest].reshape(whole, per_bin, codes.shape[1]).sum(axis=1)
        self._partial = codes[rest:].sum(axis=0, dtype=np.float64)
        self._count = n - rest
        values = [self.value, *self._close(bins)]
        ends = [0, *range(first - 1, rest, per_bin), n]
        self.value = values[-1]
        return np.repeat(np.array(values, np.float32), np.diff(ends))

    def _close(self, bins: npt.NDArray[np.float64]) -> list[float]:
        """Return the drift after each of some complete bins."""
        together = np.concatenate([self._bins, bins])
        self._bins = together[1 - _BINS :] if len(together) >= _BINS else together
        sums = np.cumsum(np.concatenate([np.zeros((1, together.shape[1])), together]), axis=0)
        live = (sums[_BINS:] - sums[:-_BINS]) / (_BINS * self._per_bin)
        unknown = len(bins) - len(live)
        return [float("nan")] * unknown + [float(value) for value in _divergences(self._reference, live)]

    @property
    def state(self) -> DriftState:
        """What is remembered; setting it resumes from there."""
        bins = tuple(tuple(row) for row in self._bins.tolist())
        return DriftState(
            bins, tuple(self._partial.tolist()), self._count, None if self.value != self.value else self.value
        )

    @state.setter
    def state(self, state: DriftState) -> None:
        self.reset()
        units = len(self._reference)
        if len(state.partial) != units or any(len(row) != units for row in state.bins[-_BINS:]):
            return
        self._bins = np.array(state.bins[1 - _BINS :], np.float64).reshape(-1, units)
        self._partial[:] = state.partial
        self._count = min(max(0, state.count), self._per_bin - 1)
        self.value = float("nan") if state.value is None else state.value
