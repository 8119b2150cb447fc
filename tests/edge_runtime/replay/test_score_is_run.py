"""`saelite score X.csv` and `saelite run --source csv:X.csv` say the same of every file, whatever is wrong with it."""

import csv
import json
from contextlib import closing
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from machines import SENSORS, pump_rows, write_csv

from benchmarks.bundled import bundled_recording
from edge_runtime import Detector
from edge_runtime.errors import SaeliteError
from edge_runtime.replay.recording_scores import RecordingScores, ScoreRequest
from edge_runtime.signal.missing import POLICIES
from edge_runtime.sources.files import TextSource
from edge_runtime.sources.source_spec import open_source
from edge_runtime.streaming.alarm_settings import AlarmSettings
from edge_runtime.streaming.judging import AdaptationSettings
from edge_runtime.streaming.monitor import Monitor
from edge_runtime.streaming.monitor_settings import MonitorSettings
from edge_runtime.tables.csv_decoder import CsvDecoder
from edge_runtime.tables.open_table import open_table

ROWS = pump_rows(120, seed=4)
ROWS[60:70, 1] += 40_000


@pytest.fixture(scope="module")
def detector_of(exported, tmp_path_factory):
    """A detector with windows of so many readings, every so many readings."""
    folder = tmp_path_factory.mktemp("models")

    @cache
    def load(stride):
        spec = exported.manifest.spec
        spec = spec._replace(preprocessing=replace(spec.preprocessing, stride=stride))
        path = folder / f"{stride}.tflite"
        replace(exported, manifest=replace(exported.manifest, spec=spec)).write(path)
        return Detector.load(path)

    return load


def scored(detector, path, how):
    """Return what `saelite score` makes of a file."""
    request = ScoreRequest(monitor=replace(how, explain="never", drift=False))
    with open_table(path) as table:
        blocks = [block.results for block in RecordingScores(detector, table, request).blocks()]
    return [np.concatenate([getattr(block, name) for block in blocks]) for name in NAMES]


def watched(detector, source, how, live):
    """Return what `saelite run` makes of a source."""
    monitor = Monitor(detector, how, live=live)
    blocks = []
    with closing(source):
        while (readings := source.poll(0.1)) is not None:
            blocks.append(monitor.push(readings))
            monitor.raise_refusal()
    monitor.end()
    counters = monitor.counters
    assert counters.read == counters.scored + counters.filling + counters.skipped + counters.off
    if not counters.scored:
        raise SaeliteError("no complete window")
    return [np.concatenate([getattr(block, name) for block in blocks]) for name in NAMES]


CELLS = {"missing": "", "dead": "nan", "word": "wet", "still": None}
NAMES = ("numbers", "scores", "thresholds", "alarms")


def outcome(function, *arguments):
    """Return what a function gives, or None where it refuses."""
    try:
        return function(*arguments)
    except SaeliteError:
        return None


SPOILS = st.lists(
    st.tuples(
        st.integers(0, 119),
        st.sampled_from(
            ["missing", "dead", "word", "half", "blank", "gap", "back", "again", "untimed", "still", "header"]
        ),
        st.integers(0, 3),
        st.integers(1, 14),
    ),
    max_size=6,
)


def spoil(spoils, *, timed):
    """Return a CSV text with things wrong in it."""
    times, rows = np.arange(120.0), [[f"{value:.9g}" for value in row] for row in ROWS]
    steps = {"gap": 40.0, "back": -5.0, "again": -1.0}
    header = ",".join(["time"] * timed + list(SENSORS))
    between, untimed = {}, set()
    for place, kind, sensor, length in spoils:
        if kind in steps:
            times[place:] += steps[kind] * (1 if kind == "again" else length)
        elif kind in CELLS:
            for row in rows[place : place + (1 if kind in ("missing", "word") else length)]:
                row[sensor] = CELLS[kind] if kind != "still" else rows[place][sensor]
        elif kind == "untimed":
            untimed.add(place)
        else:
            between[place] = {"half": "1.5,2", "blank": "", "header": header}[kind]
    lines = [header]
    for number, (second, row) in enumerate(zip(times, rows, strict=True)):
        lines += [between[number]] if number in between else []
        lines.append(",".join(["" if number in untimed else f"{second:.1f}"] * timed + row))
    return "\n".join([*lines, ""])


@settings(suppress_health_check=list(HealthCheck), max_examples=150)
@given(
    spoils=SPOILS,
    timed=st.booleans(),
    stride=st.sampled_from([1, 2, 5]),
    policy=st.sampled_from(POLICIES),
    mean_rate=st.sampled_from([None, 0.01]),
    scale_rate=st.sampled_from([None, 0.01]),
    adapt=st.sampled_from([None, "spot", "dspot"]),
    alarm=st.sampled_from(
        [AlarmSettings(), AlarmSettings(0.7, (2, 3)), AlarmSettings(min_duration_s=5, cool_down_s=8)]
    ),
    only_when=st.sampled_from(["", "flow > 30"]),
)
def test_score_and_run_say_the_same_of_every_file(
    detector_of, tmp_path_factory, spoils, timed, stride, policy, mean_rate, scale_rate, adapt, alarm, only_when
):
    path = tmp_path_factory.getbasetemp() / "spoilt.csv"
    path.write_text(spoil(spoils, timed=timed))
    detector = detector_of(stride)
    adaptation = AdaptationSettings(mean_rate, scale_rate, adapt=adapt, target_far=0.01)
    how = MonitorSettings(alarm, adaptation, policy, only_when=only_when)
    by_score = outcome(scored, detector, path, how)
    source = open_source(f"csv:{path}", detector.sensor_names, lambda _: None)
    by_run = outcome(watched, detector, source, how, source.is_live)
    assert (by_score is None) == (by_run is None)
    if by_score is not None:
        assert by_score[0].tolist() == by_run[0].tolist()
        np.testing.assert_allclose(by_score[1], by_run[1], rtol=1e-5)
        np.testing.assert_allclose(by_score[2], by_run[2], rtol=1e-4)
        assert by_score[3].tolist() == by_run[3].tolist()


@settings(suppress_health_check=list(HealthCheck), max_examples=50)
@given(spoils=SPOILS, chunk=st.integers(20, 3000), policy=st.sampled_from(POLICIES))
@example(spoils=[(0, "untimed", 0, 1)], chunk=20, policy="error")  # the first piece has a row without a time alone
def test_score_says_the_same_of_a_file_as_run_of_it_in_pieces(detector_of, tmp_path_factory, spoils, chunk, policy):
    path = tmp_path_factory.getbasetemp() / "pieces.csv"
    path.write_text(spoil(spoils, timed=True))
    detector, how = detector_of(1), MonitorSettings(on_missing=policy)
    by_score = outcome(scored, detector, path, how)
    source = TextSource(str(path), CsvDecoder(detector.sensor_names, "pieces"), len(SENSORS))
    whole = source._file.read
    source._file.read = lambda _: whole(chunk)
    in_pieces = outcome(watched, detector, source, how, False)
    assert (by_score is None) == (in_pieces is None)
    if by_score is not None:
        assert by_score[0].tolist() == in_pieces[0].tolist()
        np.testing.assert_allclose(by_score[1], in_pieces[1], rtol=1e-4)
        assert by_score[3].tolist() == in_pieces[3].tolist()


def compare_commands(saelite, model, log, folder):
    """Score a file by both commands; return the alarm after each window."""
    score = saelite("score", model, log, "-o", "scores.csv")
    run = saelite("run", model, "--source", f"csv:{log}", "--sink", "jsonl:run.jsonl")
    assert (score.returncode, run.returncode) == (0, 0), score.stderr + run.stderr
    rows = list(csv.DictReader((folder / "scores.csv").read_text().splitlines()))
    lines = [json.loads(line) for line in (folder / "run.jsonl").read_text().splitlines()]
    lines = [line for line in lines if "event" not in line]
    assert [float(row["score"]) for row in rows] == pytest.approx([line["score"] for line in lines], rel=1e-3)
    alarms = [row["alarm"] == "1" for row in rows]
    assert alarms == [line["alarm"] for line in lines]
    return alarms


def test_both_commands_say_the_same_of_a_file(saelite, model_path, tmp_path):
    write_csv(tmp_path / "log.csv", ROWS, time=[f"2026-01-01 00:{i // 60:02}:{i % 60:02}" for i in range(120)])
    assert any(compare_commands(saelite, model_path, "log.csv", tmp_path))


def test_both_commands_say_the_same_of_the_bundled_recording(saelite, tmp_path):
    with bundled_recording() as log:
        assert saelite("train", log, "--rows", "0:1500", "--epochs", 0, "-o", "run").returncode == 0
        assert saelite("export", "run", "-o", "host.tflite", "--quantize", "int8").returncode == 0
        assert any(compare_commands(saelite, "host.tflite", log, tmp_path))
