"""What a long trace boils down to: spans, groups of scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.report.report_model import Alarm, Array, Mask, Report, ScoreTrace


@dataclass(frozen=True)
class Span:
    """A stretch of time; `first` and `end` are the windows it covers, end excluded."""

    name: str
    start_s: float
    end_s: float
    first: int
    end: int


def alarms_above(trace: ScoreTrace) -> tuple[Alarm, ...]:
    """Return the stretches of successive windows above the threshold as alarms."""
    spans = _spans(trace, np.where(trace.anomalies, "alarm", ""))
    peaks = (float(trace.scores[span.first : span.end].max()) for span in spans)
    # A window stands for the step before its end, a number for itself.
    starts = (span.start_s if trace.has_time else float(trace.seconds[span.first]) for span in spans)
    return tuple(
        Alarm(number, start_s, span.end_s, peak)
        for number, (span, start_s, peak) in enumerate(zip(spans, starts, peaks, strict=True), 1)
    )


def fault_spans(trace: ScoreTrace) -> list[Span]:
    """Return the labelled faults in time order; nameless ones where there are labels only."""
    if trace.faults is not None:
        return _spans(trace, np.asarray(trace.faults, dtype=np.str_))
    if trace.labels is not None:
        return _spans(trace, np.where(trace.labels, " ", ""))
    return []


def step_s(seconds: Array) -> float:
    """Return the usual time between two windows, in seconds; 1 for a single window."""
    return float(np.median(np.diff(seconds))) if len(seconds) > 1 else 1.0


def length_s(trace: ScoreTrace) -> float:
    """Return how long the recording is, in seconds; 0 without windows."""
    return float(trace.seconds[-1] - trace.seconds[0]) if len(trace.seconds) else 0.0


def score_groups(report: Report) -> dict[str, Array]:
    """Return the groups of scores to compare, by name, without empty ones."""
    trace = report.trace
    groups = {"normal, held out": np.asarray(report.normal_scores)}
    if trace.labels is None:
        groups["this recording, no labels"] = trace.scores
    else:
        groups["normal, this recording"] = trace.scores[~trace.labels]
        groups["anomalous, this recording"] = trace.scores[trace.labels]
    known = {name: scores[~np.isnan(scores)] for name, scores in groups.items()}
    return {name: scores for name, scores in known.items() if len(scores)}


def positive(values: Array, threshold: float) -> Array:
    """Return values a log axis can show: what is not above 0, or four decades below the threshold, is lifted."""
    usable = values[_is_usable(values)]
    floor = 1e-4 * threshold if threshold > 0 else 0.0
    low = max(float(usable.min()), floor) if len(usable) else max(floor, 1e-12)
    high = max(float(usable.max()), low) if len(usable) else low
    return np.asarray(np.clip(np.nan_to_num(values, nan=low, posinf=high, neginf=low), low, high))


def _is_usable(values: Array) -> Mask:
    return np.asarray(np.isfinite(values) & (values > 0))


def _spans(trace: ScoreTrace, names: npt.NDArray[np.str_]) -> list[Span]:
    if not len(names):
        return []
    step, seconds = step_s(trace.seconds), trace.seconds
    starts = np.r_[0, np.flatnonzero(names[1:] != names[:-1]) + 1]
    ends = np.r_[starts[1:], len(names)]
    return [
        # A window stands for the step before its end.
        Span(str(names[first]).strip(), float(seconds[first]) - step, float(seconds[end - 1]), int(first), int(end))
        for first, end in zip(starts, ends, strict=True)
        if names[first]
    ]
