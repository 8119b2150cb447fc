"""The methods measured on a collection: saelite's files, the untrained network, and the baselines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.accuracy.baselines import BASELINES
from benchmarks.accuracy.limit_rules import limit_of
from benchmarks.accuracy.real_path import (
    SCHEMES,
    detectors,
    promised_far,
    relative_scores,
    untrained,
    with_seed,
)
from edge_runtime.arrays import FloatArray
from edge_runtime.errors import SaeliteError
from edge_runtime.fitting.followed_windows import FollowedWindows, are_followed
from edge_runtime.inference.detector import Detector
from edge_runtime.model_file.manifest import DetectorSpec
from training.recordings import Recording
from training.recordings.cycles import take_away
from training.recordings.stretches import split
from training.settings import DetectorSettings

OURS = tuple(SCHEMES)
UNTRAINED = "untrained"
METHODS = (*OURS, UNTRAINED, *BASELINES)


@dataclass(frozen=True)
class Ready:
    """A fitted method.

    Parameters
    ----------
    score_many : callable
        From windows of shape (n, window, sensors) to raw scores of shape (n,).
    spec : DetectorSpec
    threshold : float
    promised_far : float
        Share of normal windows above the threshold that it was fitted for.
    """

    score_many: Callable[[FloatArray], FloatArray]
    spec: DetectorSpec
    threshold: float
    promised_far: float
    outputs = frozenset({"score"})

    def outputs_many(self, windows: FloatArray, names: tuple[str, ...]) -> dict[str, FloatArray]:
        """Return the scores by name."""
        return dict.fromkeys(names, self.score_many(windows))

    def explain_many(self, windows: FloatArray) -> FloatArray:
        """Return no contributions: none are needed from a method."""
        return np.zeros((len(windows), len(self.spec.sensors)), np.float32)

    def expected_many(self, windows: FloatArray) -> FloatArray:
        """Return no expected values: none are needed either."""
        return np.full((len(windows), len(self.spec.sensors)), np.nan, np.float32)


@dataclass(frozen=True)
class Method:
    """A fitted method, ready to score recordings.

    Parameters
    ----------
    name : str
        One of `METHODS`.
    ready : Ready or None
        None if the recording was refused; every score is 0 then, and nothing alarms.
    trouble : str
        Why the recording was refused, or why export would not write the file by default; empty if there was no trouble.
    """

    name: str
    ready: Ready | None
    trouble: str = ""

    @property
    def promised_far(self) -> float | None:
        """Maximum share of normal windows in alarm that the method promises."""
        return None if self.ready is None else self.ready.promised_far

    def relative_scores(self, recording: Recording) -> FloatArray:
        """Return smoothed scores over the threshold per row, with a new stream; see `real_path.relative_scores`."""
        if self.ready is None:
            return np.zeros(len(recording.values), np.float32)
        return relative_scores(self.ready, recording)

    def row_scores(self, recording: Recording) -> FloatArray:
        """Return raw scores of rows that have no order, each a window of its own."""
        if self.ready is None:
            return np.zeros(len(recording.values), np.float32)
        chosen = [recording.sensors.index(name) for name in self.ready.spec.sensor_names]
        return self.ready.score_many(np.ascontiguousarray(recording.values[:, None, chosen]))


def methods(normal: Recording, seed: int) -> list[Method]:
    """Fit every method of `METHODS` on normal rows; the product's defaults set inputs, smoothing and limit."""
    settings = with_seed(seed)
    try:
        trained = detectors(normal, settings)
        at_random = detectors(normal, untrained(settings), OURS[:1])[OURS[0]]
    except SaeliteError as error:
        return [Method(name, None, f"refused: {error}") for name in METHODS]
    found = [_ours(name, detector) for name, detector in trained.items()]
    found.append(_ours(UNTRAINED, at_random))
    spec = trained[OURS[0]].manifest.spec
    return found + [Method(name, baseline(name, spec, normal, settings)) for name in BASELINES]


def _ours(name: str, detector: Detector) -> Method:
    ready = Ready(detector.score_many, detector.spec, detector.threshold, promised_far(detector))
    return Method(name, ready, "; ".join(detector.manifest.parity_failures))


def baseline(name: str, spec: DetectorSpec, normal: Recording, settings: DetectorSettings) -> Ready:
    """Fit one of `BASELINES` on normal rows.

    Parameters
    ----------
    name : str
    spec : DetectorSpec
        The compared detector's: the same sensors, windows, inputs, smoothing and mean tracking.
    normal : Recording
        All of its rows are learnt, because none of these methods needs early stopping.
    settings : DetectorSettings
        Settings of the compared detector: the same seed and limit rule.
    """
    chosen = take_away(normal).without([sensor for sensor in normal.sensors if sensor not in spec.sensor_names])
    stretches = split(chosen, spec.preprocessing.window, spec.preprocessing.stride, 0.0)[0]
    numbers = np.arange(len(stretches))
    windows = stretches.take(numbers)
    if are_followed(spec):
        windows = FollowedWindows(windows, stretches.starts(numbers), spec)[:]
    limit = limit_of(BASELINES[name], windows, spec, settings.seed)
    score = BASELINES[name](spec.preprocessing.transform(windows), settings.seed)

    def score_many(windows: FloatArray) -> FloatArray:
        return score(spec.preprocessing.transform(windows))

    return Ready(score_many, spec, limit.value, limit.promised_far)
