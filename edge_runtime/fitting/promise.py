"""The promise of a fitted limit: expected false alarms, their upper bound, and how to improve them."""

from __future__ import annotations

from edge_runtime.fitting.budget import UNITS_S, FalseAlarmBudget
from edge_runtime.fitting.limit import Limit
from edge_runtime.model_file.manifest import Threshold
from edge_runtime.signal.preprocessing import Preprocessing

METHOD = "limit of log scores of held-out blocks"


def window_s_of(preprocessing: Preprocessing) -> float:
    """Return the seconds from one window to the next, 0 if unknown."""
    return preprocessing.stride / preprocessing.rate_hz if preprocessing.rate_hz else 0.0


def threshold_of(limit: Limit, budget: FalseAlarmBudget, window_s: float) -> Threshold:
    """Return the threshold of normalised scores and its promise.

    Parameters
    ----------
    limit : Limit
    budget : FalseAlarmBudget
        The budget asked for.
    window_s : float
        Seconds between two windows; 0 if unknown; no rate per time is promised then.
    """
    alarms = _per_unit(budget, window_s)
    is_kept = limit.share <= limit.share_wanted * (1 + 1e-9)
    missing = 0.0 if is_kept else max(limit.windows_needed - limit.n_windows, 0.0)
    return Threshold(
        1.0,
        METHOD,
        target_far=limit.share,
        n_windows=limit.n_windows,
        target_far_upper=limit.share_upper,
        n_effective=round(limit.n_effective, 2),
        budget=budget.text,
        promised=None if alarms is None else limit.share / limit.run_length * alarms,
        promised_upper=None if alarms is None else limit.share_upper / limit.run_length * alarms,
        more_s=missing * window_s,
        n_settling=limit.n_settling,
    )


def _per_unit(budget: FalseAlarmBudget, window_s: float) -> float | None:
    """Return the number of windows in the budget's unit."""
    if budget.unit == "reading":
        return 1.0
    return UNITS_S[budget.unit] / window_s if window_s else None
