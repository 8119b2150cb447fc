"""The limit of a baseline's smoothed scores, by the rule that the product's own threshold follows."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.accuracy.baselines import Fit
from edge_runtime.manifest import DetectorSpec
from edge_runtime.preprocessing import FloatArray
from edge_runtime.smoothing import Smoother
from export.threshold import fit_threshold
from training.pipeline import DetectorSettings

# Rows that repeat learnt ones have distance 0, and scores are given in units of the limit.
_LEAST = 1e-12


@dataclass(frozen=True)
class Limit:
    """A limit of smoothed scores, and the share of normal windows expected above it."""

    value: float
    promised_far: float


def limit_of(fit: Fit, windows: FloatArray, spec: DetectorSpec, settings: DetectorSettings) -> Limit:
    """Return the limit, fitted on scores of normal windows that the method has not learnt.

    Parameters
    ----------
    fit : callable
        See `benchmarks.accuracy.baselines.BASELINES`.
    windows : ndarray of shape (n, window, sensors), float32
        All normal windows, in time order.
    spec : DetectorSpec
        Of the detector beside it.
    settings : DetectorSettings
        What it was trained by.
    """
    inputs, rule = spec.preprocessing.transform(windows), settings.threshold_rule
    cut = len(inputs) - round(len(inputs) * settings.validation_fraction)
    score = fit(inputs[:cut], settings.training.seed)
    smoothed = Smoother(spec.scoring.smoothing_span).update_many(score(inputs[cut:] if cut < len(inputs) else inputs))
    return Limit(max(fit_threshold(smoothed, rule).value, _LEAST), rule.nominal_far)
