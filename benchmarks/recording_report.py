"""The report of a recording, alarm by alarm."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.detection import fault_names, fault_rows, figures
from benchmarks.expected import expected_bands, expected_values
from benchmarks.model_facts import model_facts, model_line
from benchmarks.report.report_model import Alarm, Report, ScoreTrace, SensorTrace
from benchmarks.report.score_chart import time_axis
from benchmarks.scored_recording import ScoredRecording, scored_recording
from edge_runtime.arrays import FloatArray
from edge_runtime.common.counted import counted
from edge_runtime.inference.detector import Detector
from edge_runtime.model_file.container import ModelFile
from edge_runtime.replay.recording_scores import ScoreRequest
from edge_runtime.streaming.alarm_events import AlarmEnded
from edge_runtime.streaming.blame import TOP_SENSORS
from edge_runtime.tables.open_table import open_table
from edge_runtime.tables.time_text import seconds

_MAX_DETAILS = 24
# A number before 1973 is not a wall-clock time but seconds since some start.
_FIRST_DATE_S = 1e8
_LEAST_MARGIN, _MOST_ROWS = 60, 5000


def recording_report(
    detector: Detector, model: ModelFile, recording: Path, request: ScoreRequest, title: str
) -> Report:
    """Score a recording and gather what its report shows.

    Parameters
    ----------
    detector : Detector
        Of `model`.
    title : str
        Display name of the model.

    Raises
    ------
    RecordingError
        If the recording cannot be read or scored.
    """
    scored = scored_recording(detector, recording, request)
    first_s = _start(scored)
    alarms = _with_traces(detector, recording, scored, _alarms(scored), first_s)
    has_faults = scored.faults is not None or scored.labels is not None
    trace = ScoreTrace(
        scored.times - first_s,
        scored.scores,
        detector.threshold,
        scored.labels,
        tuple(fault_names(scored).tolist()) if has_faults else None,
        scored.has_time,
        first_s if first_s > _FIRST_DATE_S else None,
        "row",
    )
    return Report(
        title=title,
        recording=f"{recording.name}, {_when(trace)}",
        model=model_line(model),
        figures=figures(scored),
        trace=trace,
        faults=fault_rows(scored),
        history=(),
        normal_scores=np.empty(0),
        latency=(),
        sizes=(),
        facts=model_facts(model),
        alarms=alarms,
        watched_s=scored.summary.watched_s,
    )


def _start(scored: ScoredRecording) -> float:
    """Return the time of the first window; rows are counted from the file's first."""
    return float(scored.times[0]) if scored.has_time else 0.0


def _when(trace: ScoreTrace) -> str:
    axis, windows = time_axis(trace), counted(len(trace.scores), "window")
    return f"{windows}, {axis.text(0.0)} to {axis.text(axis.high_s)}" if axis.epoch_s else windows


def _alarms(scored: ScoredRecording) -> tuple[Alarm, ...]:
    """Return every alarm; one that lasts at the end of the recording ends there."""
    ends = iter([event for event in scored.events if isinstance(event, AlarmEnded)])
    faults, first_s = fault_names(scored), _start(scored)
    found = []
    inside = np.flatnonzero(scored.alarm_numbers)
    numbers = scored.alarm_numbers[inside]
    edges = [*(np.flatnonzero(np.diff(numbers, prepend=0))).tolist(), len(inside)]
    for number, (start, stop) in enumerate(itertools.pairwise(edges), 1):
        windows = inside[start:stop]
        ended = next(ends, None) if scored.has_time else None
        during = ", ".join(dict.fromkeys(name for name in faults[windows].tolist() if name))
        found.append(
            Alarm(
                number=number,
                start_s=float(scored.times[windows[0]]) - first_s,
                end_s=float(scored.times[windows[-1]] if ended is None else ended.time_s) - first_s,
                peak=float(scored.scores[windows].max()),
                during=during,
                blame=scored.blame.get(number, ()),
            )
        )
    return tuple(found)


def _with_traces(
    detector: Detector, recording: Path, scored: ScoredRecording, alarms: tuple[Alarm, ...], first_s: float
) -> tuple[Alarm, ...]:
    """Add the readings around the highest alarms; the recording is read once more for them."""
    highest = sorted(alarms, key=lambda alarm: -alarm.peak)[:_MAX_DETAILS]
    spans = {alarm.number: _rows_around(scored, alarm.number) for alarm in highest}
    readings = _read(detector, recording, {number: rows for number, (rows, _) in spans.items()})
    detailed = {}
    for alarm in highest:
        traces = _traces(detector, alarm, *readings[alarm.number], first_s)
        detailed[alarm.number] = replace(alarm, traces=traces, is_cut=spans[alarm.number][1])
    return tuple(detailed.get(alarm.number, alarm) for alarm in alarms)


def _rows_around(scored: ScoredRecording, number: int) -> tuple[slice, bool]:
    """Return the rows to show, as long again before and after the alarm, and whether they end before it does."""
    rows = scored.rows[scored.alarm_numbers == number]
    margin = min(max(_LEAST_MARGIN, int(rows[-1] - rows[0])), _MOST_ROWS // 4)
    start, stop = max(0, int(rows[0]) - margin), int(rows[-1]) + margin + 1
    return slice(start, min(stop, start + _MOST_ROWS)), start + _MOST_ROWS < int(rows[-1])


def _read(detector: Detector, recording: Path, spans: dict[int, slice]) -> dict[int, tuple[FloatArray, FloatArray]]:
    """Return times of shape (n,) and readings of shape (n, sensors), missing values and all, of each span."""
    found: dict[int, list[tuple[FloatArray, FloatArray]]] = {number: [] for number in spans}
    last = max((rows.stop for rows in spans.values()), default=0)
    for first, times, values in _blocks(detector, recording):
        for number, rows in spans.items():
            chosen = slice(max(0, rows.start - first), max(0, rows.stop - first))
            if len(times[chosen]):
                found[number].append((times[chosen], values[chosen]))
        if first + len(times) >= last:
            break
    return {number: _joined(parts) for number, parts in found.items()}


def _blocks(detector: Detector, recording: Path) -> Iterator[tuple[int, FloatArray, FloatArray]]:
    with open_table(recording) as table:
        time, first = table.header.time_column, 0
        for block in table.blocks(detector.sensor_names, [time] if time else []):
            numbers = first + np.arange(len(block.values))
            times = seconds(block.texts[0]) if time else numbers * (table.period_s or 1.0)
            yield first, times, block.values
            first += len(numbers)


def _joined(parts: Sequence[tuple[FloatArray, FloatArray]]) -> tuple[FloatArray, FloatArray]:
    times, values = zip(*parts, strict=True)
    return np.concatenate(times), np.concatenate(values)


def _traces(
    detector: Detector, alarm: Alarm, times: FloatArray, values: FloatArray, first_s: float
) -> tuple[SensorTrace, ...]:
    """Return the traces of the sensors to blame; without any, of those that were farthest from what was expected."""
    known = np.isfinite(times)
    times, values = times[known], values[known]
    expected, bands = expected_values(detector, values, times), expected_bands(detector)
    times = times - first_s
    names = list(detector.sensor_names)
    blamed = [names.index(name) for name, _ in alarm.blame[:TOP_SENSORS]]
    if not blamed:
        far = np.nanmax(np.abs(values - expected) / bands, axis=0)
        blamed = np.argsort(-far)[:TOP_SENSORS].tolist()
    return tuple(
        SensorTrace(names[sensor], times, values[:, sensor], expected[:, sensor], float(bands[sensor]))
        for sensor in blamed
    )
