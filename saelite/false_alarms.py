"""What to expect of a threshold, for people."""

from __future__ import annotations

from edge_runtime.manifest import Threshold

_FEW_WINDOWS = 50
_FAR_OFF = 10
"""Scores are smoothed, so false alarms come in runs: some times the nominal rate is chance, ten times is not."""


def false_alarms(threshold: Threshold) -> str:
    """Return the false-alarm rate a threshold was fitted for, and what was measured beside it."""
    nominal = f"nominal false-alarm rate {threshold.target_far:.2%}"
    if threshold.measured_far is None:
        return f"{nominal}, not measured: no normal windows were left to measure on"
    return f"{nominal}, measured {threshold.measured_far:.2%} on {threshold.n_measured} other normal windows"


def doubt(threshold: Threshold) -> str | None:
    """Return why a threshold may not keep what it promises, None where nothing speaks against it."""
    reasons = []
    if threshold.n_windows < _FEW_WINDOWS:
        reasons.append(f"it rests on {threshold.n_windows} windows")
    if threshold.measured_far is not None and threshold.measured_far > _FAR_OFF * threshold.target_far:
        reasons.append("the other normal windows are above it far more often than they should be")
    if not reasons:
        return None
    return (
        f"warning: expect false alarms from this threshold: {' and '.join(reasons)}. "
        "Record for longer, through all that the machine does while it is well."
    )
