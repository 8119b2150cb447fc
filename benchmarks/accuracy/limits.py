"""The limit of a baseline's smoothed scores, by the rule that the product's own threshold follows."""

from __future__ import annotations

from benchmarks.accuracy.baselines import Fit
from edge_runtime.preprocessing import FloatArray
from edge_runtime.run_folder import ThresholdRule
from edge_runtime.smoothing import Smoother
from export.threshold import fit_threshold

# Rows that repeat learnt ones have distance 0, and scores are given in units of the limit.
_LEAST = 1e-12


def limit_of(  # noqa: PLR0913 - the method, its data, and the product's choices
    fit: Fit, inputs: FloatArray, seed: int, smoothing_span: int, rule: ThresholdRule, held_out: float
) -> float:
    """Return the limit: fitted on normal rows that the method has not learnt.

    Parameters
    ----------
    fit : callable
        See `benchmarks.accuracy.baselines.BASELINES`.
    inputs : ndarray of shape (n, inputs), float32
        Of all normal windows, in time order.
    seed : int
    smoothing_span : int
        The detector's.
    rule : ThresholdRule
        The detector's.
    held_out : float
        Share of the rows, the last in time, that the limit is fitted on; with 0 all of them serve for both.
    """
    cut = len(inputs) - round(len(inputs) * held_out)
    score = fit(inputs[:cut], seed)
    smoothed = Smoother(smoothing_span).update_many(score(inputs[cut:] if held_out else inputs))
    return max(fit_threshold(smoothed, rule).value, _LEAST)
