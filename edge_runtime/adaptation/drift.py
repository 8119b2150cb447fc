"""The drift meter: whether the model still fits the machine.

The training penalty holds each code's mean activation near ρ. Export strips the penalty; here it comes back
as a measure: ``sum_j KL(rho_train_j || rho_live_j)``, with ``rho_live`` the mean activation of code j over the
last windows. It is near zero while the codes are used as they were in training, and grows when the machine
works in a way the model has not seen, whether or not single scores stand out.

References
----------
Kullback and Leibler (1951), On information and sufficiency.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.manifest import DriftLimit
from edge_runtime.preprocessing import FloatArray

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
    p = np.clip(np.asarray(train, np.float64), _EPSILON, 1 - _EPSILON)
    q = np.clip(np.asarray(live, np.float64), _EPSILON, 1 - _EPSILON)
    return float((p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))).sum())


def fit_drift_limit(codes: FloatArray) -> DriftLimit | None:
    """Return the width of the sliding window and the limit that normal codes keep to.

    The codes are cut into successive blocks; each block's drift is measured against the mean of all the
    others, which is what a live window against the training data is.

    Parameters
    ----------
    codes : ndarray of shape (n, units)
        Of successive normal windows, as the exported file gives them.

    Returns
    -------
    DriftLimit or None
        None where there are too few windows to tell.
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
    """

    bins: tuple[tuple[float, ...], ...] = ()
    partial: tuple[float, ...] = ()
    count: int = 0


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
        self._bins = np.zeros((_BINS, len(self._reference)))
        self._filled = 0
        self._partial = np.zeros(len(self._reference))
        self._count = 0
        self.value = float("nan")

    def update_many(self, codes: FloatArray) -> FloatArray:
        """Return the drift after each of `codes`, shape (n,), float32; NaN until the window is full once.

        Parameters
        ----------
        codes : ndarray of shape (n, units), float32
        """
        drifts = np.empty(len(codes), np.float32)
        start = 0
        while start < len(codes):
            stop = min(len(codes), start + self._per_bin - self._count)
            self._partial += codes[start:stop].sum(axis=0)
            self._count += stop - start
            drifts[start:stop] = self.value
            if self._count == self._per_bin:
                self._close_bin()
                drifts[stop - 1] = self.value
            start = stop
        return drifts

    def _close_bin(self) -> None:
        self._bins[self._filled % _BINS] = self._partial
        self._filled += 1
        self._partial[:] = 0.0
        self._count = 0
        self._measure()

    def _measure(self) -> None:
        if self._filled >= _BINS:
            live = self._bins.sum(axis=0) / (_BINS * self._per_bin)
            self.value = divergence(self._reference, live)

    @property
    def state(self) -> DriftState:
        """What is remembered; setting it goes on from there."""
        kept = min(self._filled, _BINS)
        order = [(self._filled - kept + number) % _BINS for number in range(kept)]
        bins = tuple(tuple(row) for row in self._bins[order].tolist())
        return DriftState(bins, tuple(self._partial.tolist()), self._count)

    @state.setter
    def state(self, state: DriftState) -> None:
        self.reset()
        units = len(self._reference)
        if len(state.partial) != units or any(len(row) != units for row in state.bins[-_BINS:]):
            return
        for row in state.bins[-_BINS:]:
            self._bins[self._filled] = row
            self._filled += 1
        self._partial[:] = state.partial
        self._count = min(max(0, state.count), self._per_bin - 1)
        self._measure()
