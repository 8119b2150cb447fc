"""The false alarms to expect of a threshold, in words."""

from __future__ import annotations

from collections.abc import Sequence

from edge_runtime.model_file.manifest import HeadTried, Threshold

_BOUNDLESS = 20.0
_FEW_FOUND = 0.1
_SECONDS = (("week", 604800.0), ("day", 86400.0), ("hour", 3600.0), ("minute", 60.0))


def false_alarms(threshold: Threshold) -> str:
    """Return the false alarms that a threshold promises."""
    if not threshold.n_windows:
        return "no promise: the threshold was set by hand"
    if threshold.n_settling:
        after = f"not counting the first {threshold.n_settling} windows, in which the machine settled"
        return f"{false_alarms(threshold._replace(n_settling=0))}; {after}"
    if threshold.promised is None or threshold.promised_upper is None:
        share = f"{threshold.target_far:.2%} of normal windows, at most {threshold.target_far_upper:.2%}"
        return f"{share} with 95 % confidence; the recording has no time column, so no weekly rate is promised"
    unit = threshold.budget.partition("/")[2]
    expected = f"{_number(threshold.promised)} a {unit}"
    if threshold.promised_upper > _BOUNDLESS * threshold.promised:
        return f"{expected}; the recording is too short for an upper bound"
    return f"{expected}, at most {_number(threshold.promised_upper)} with 95 % confidence"


def doubt(threshold: Threshold) -> str | None:
    """Return why a threshold cannot promise what was asked for, None where it does."""
    if not threshold.more_s:
        return None
    return (
        f"cannot promise {threshold.budget}: the recording's {threshold.n_windows} windows amount to only "
        f"{threshold.n_effective:.0f} independent scores. Record {_duration(threshold.more_s)} more of normal work."
    )


def blindness(tried: Sequence[HeadTried]) -> str | None:
    """Return a warning where even the best head finds hardly any fault at the budget, None where it finds them."""
    found = max((one.detection for one in tried), default=1.0)
    if found >= _FEW_FOUND:
        return None
    return (
        f"warning: at this budget the best head finds only {found:.0%} of the synthetic faults, because normal work "
        "differs too much between parts of the recording. Record longer, --exclude sensors that jump, or allow more "
        "--false-alarms."
    )


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def _duration(seconds: float) -> str:
    for unit, length in _SECONDS:
        if seconds >= length:
            count = seconds / length
            return f"{_number(count)} {unit}{'' if _number(count) == '1' else 's'}"
    return "a minute"
