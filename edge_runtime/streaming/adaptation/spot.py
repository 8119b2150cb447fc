"""A threshold that holds a false-alarm rate: streaming peaks over threshold, SPOT and DSPOT.

Scores above a high level (the 98 % quantile) exceed it by amounts that follow a generalised Pareto
distribution; its quantile gives the threshold that a normal score exceeds with the wanted probability. Each
new peak refines the fit. DSPOT does so for scores relative to their moving average.

The paper leaves every score above the threshold out of the fit. That cuts off the tail, lowers the next
threshold, and makes the rate several times too high. Here the first score of a run above the threshold is
included like any other. The rest waits until the run ends: a short run, which a single high reading causes in
smoothed scores, is then included whole; of a longer one, a fault, nothing more is.

The threshold stays within a band around the model file's own; deleting the state restores that.

References
----------
Siffer, Fouque, Termier and Largouët (2017), Anomaly detection in streams with extreme value theory, KDD.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray
from edge_runtime.common.setting import Range
from edge_runtime.errors import UsageError
from edge_runtime.streaming.adaptation.pareto import Pareto, fit_pareto

_TAIL = 0.02
_LEVEL = 1 - _TAIL
TARGETS = Range(0, _TAIL, low_open=True, high_open=True)
"""Rates that can be held: the tail above the level is what is fitted."""
_FEWEST_PEAKS = 10
_MOST_PEAKS = 500
_FIRST_SCORES = 1000


@dataclass(frozen=True)
class SpotSettings:
    """How the threshold adapts to the scores.

    Parameters
    ----------
    target_far : float
        Wanted share of normal scores above the threshold.
    depth : int
        Scores in DSPOT's moving average; 0 is SPOT.
    lowest, highest : float
        Bounds of the threshold, in multiples of the model file's threshold.

    Raises
    ------
    UsageError
        If a value is invalid.
    """

    target_far: float = 1e-3
    depth: int = 0
    lowest: float = 0.5
    highest: float = 4.0

    def __post_init__(self) -> None:
        if self.target_far not in TARGETS:
            raise UsageError(f"target false-alarm rate: expected {TARGETS}. Received: {self.target_far}")


@dataclass(frozen=True)
class SpotState:
    """What `Spot` remembers, ready for a file.

    Parameters
    ----------
    first : tuple of float
        Scores seen so far, until there are enough to begin.
    peaks : tuple of float
        Excesses over the level, the newest last.
    level : float
        The level; NaN is written as 0 with `n_scores` 0.
    n_scores, n_peaks : int
        Normal scores and peaks seen since the beginning.
    recent : tuple of float
        Scores of DSPOT's moving average.
    run : tuple of float
        Scores of the current run above the threshold that may still be included.
    """

    first: tuple[float, ...] = ()
    peaks: tuple[float, ...] = ()
    level: float = 0.0
    n_scores: int = 0
    n_peaks: int = 0
    recent: tuple[float, ...] = ()
    run: tuple[float, ...] = ()


class Spot:
    """Streaming peaks over threshold.

    Parameters
    ----------
    settings : SpotSettings
    fitted : float
        The model file's threshold, which applies until 1,000 normal scores were seen and bounds later ones.
    longest_run : int
        Length of a run above the threshold that may still be a false alarm: the smoothing span.

    Examples
    --------
    >>> scores = np.random.default_rng(0).exponential(size=50_000).astype(np.float32)
    >>> spot = Spot(SpotSettings(target_far=0.001), fitted=8.0)
    >>> thresholds = spot.update_many(scores)
    >>> float(thresholds[0]), float(-np.log(0.001))
    (8.0, 6.908)
    >>> bool(abs(thresholds[-1] - 6.9) < 0.5)
    True
    """

    def __init__(self, settings: SpotSettings, fitted: float, longest_run: int = 1) -> None:
        self.settings, self._fitted, self._longest_run = settings, fitted, longest_run
        self._n_judged = self._n_above = 0
        self.state = SpotState()

    def update_many(self, scores: FloatArray) -> FloatArray:
        """Return the threshold for each score, shape (n,), float32, and learn from the score afterwards.

        Parameters
        ----------
        scores : ndarray of shape (n,), float32
            Smoothed.
        """
        thresholds = np.empty(len(scores), np.float32)
        for row, score in enumerate(scores.tolist()):
            thresholds[row] = threshold = self.threshold
            above = score > threshold
            if self._excess is not None:
                self._n_judged += 1
                self._n_above += above
            self._take(min(score, self.settings.highest * self._fitted), above=above)
        return thresholds

    def _take(self, score: float, *, above: bool) -> None:
        """Include a score now, later or never."""
        if not above and self._run:
            waiting = self._run[1:] if len(self._run) <= self._longest_run else []
            self._run.clear()
            for earlier in waiting:
                self._learn(earlier)
        if not self._run:
            self._learn(score)
        if above and len(self._run) <= self._longest_run:
            self._run.append(score)

    def text(self) -> str:
        """Return the measured share of scores above the streaming threshold beside the nominal one.

        Scores from before the streaming threshold was available do not count.
        """
        nominal = f"nominal {self.settings.target_far:.3%}"
        if not self._n_judged:
            return f"no streaming threshold before {_FIRST_SCORES:,} scores, {nominal}"
        measured = self._n_above / self._n_judged
        return f"{measured:.3%} of {self._n_judged:,} scores above the streaming threshold, {nominal}"

    @property
    def threshold(self) -> float:
        """The current threshold."""
        if self._excess is None:
            return self._fitted
        value = self._base() + self._level + self._excess
        return min(max(value, self.settings.lowest * self._fitted), self.settings.highest * self._fitted)

    def _base(self) -> float:
        return self._recent_sum / len(self._recent) if self._recent else 0.0

    def _learn(self, score: float) -> None:
        if self._excess is None:
            self._first.append(score)
            if len(self._first) == _FIRST_SCORES:
                self._begin()
            return
        relative = score - self._base()
        self._n_scores += 1
        if relative > self._level:
            self._n_peaks += 1
            self._peaks.append(relative - self._level)
            self._fit()
        self._remember(score)

    def _remember(self, score: float) -> None:
        if not self.settings.depth:
            return
        if len(self._recent) == self.settings.depth:
            self._recent_sum -= self._recent[0]
        self._recent.append(score)
        self._recent_sum += score

    def _begin(self) -> None:
        relative = self._relative(np.array(self._first))
        self._level = float(np.quantile(relative, _LEVEL))
        above = relative[relative > self._level] - self._level
        self._first.clear()
        if len(above) < _FEWEST_PEAKS:
            # Scores that hardly differ have no tail to fit; wait for more.
            return
        self._peaks.extend(above.tolist())
        self._n_scores, self._n_peaks = len(relative), len(above)
        self._fit()

    def _relative(self, scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return scores minus the moving average before each, without those that only fill it."""
        depth = self.settings.depth
        if not depth:
            return scores
        for score in scores[-depth:].tolist():
            self._remember(score)
        means = np.convolve(scores, np.full(depth, 1.0 / depth), "valid")[:-1]
        return np.asarray(scores[depth:] - means, np.float64)

    def _fit(self) -> None:
        tail: Pareto = fit_pareto(np.array(self._peaks))
        survival = min(1.0, self.settings.target_far * self._n_scores / self._n_peaks)
        self._excess: float | None = tail.quantile(survival)

    @property
    def state(self) -> SpotState:
        """What is remembered; setting it resumes from there, and an empty one starts afresh."""
        return SpotState(
            tuple(self._first),
            tuple(self._peaks),
            self._level,
            self._n_scores,
            self._n_peaks,
            tuple(self._recent),
            tuple(self._run),
        )

    @state.setter
    def state(self, state: SpotState) -> None:
        self._first: list[float] = list(state.first[: _FIRST_SCORES - 1])
        self._peaks: deque[float] = deque(state.peaks, maxlen=_MOST_PEAKS)
        self._level, self._n_scores, self._n_peaks = state.level, state.n_scores, state.n_peaks
        self._recent: deque[float] = deque(_last(state.recent, self.settings.depth), maxlen=self.settings.depth or None)
        self._recent_sum = sum(self._recent)
        self._run: list[float] = list(state.run[: self._longest_run + 1])
        self._excess = None
        if self._n_scores >= self._n_peaks >= len(self._peaks) >= _FEWEST_PEAKS and min(self._peaks) > 0:
            self._fit()


def _last(values: Sequence[float], count: int) -> Sequence[float]:
    return values[-count:] if count else ()
