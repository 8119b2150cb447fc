"""What is outside --only-when is not learnt, not scored, and no alarm: everywhere by the same rule."""

import itertools
import json
import operator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from machines import SENSORS, pump_rows, write_csv

from edge_runtime import Detector
from edge_runtime.errors import ModelFileError, RecordingError, UsageError
from edge_runtime.model_file.container import read_model_file
from edge_runtime.signal.only_when import OPERATORS, Comparison, Condition, condition_text, parse_condition, runs
from edge_runtime.signal.readings import Readings
from edge_runtime.sinks.text import alarm_lines, json_lines
from edge_runtime.streaming.monitor import Monitor
from edge_runtime.streaming.monitor_settings import MonitorSettings
from edge_runtime.streaming.results import standing
from training.recordings import Columns, read_recording
from training.run_folder import read_run_folder

PYTHON = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}
NAMES = st.one_of(
    st.sampled_from(["current", "a and b", "and", 'say "so"', "x>y", "  wide  ", "Pump 3 [A]", "ünit"]),
    st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1),
)
NUMBERS = st.floats(-(2.0**99), 2.0**99, width=32)
COMPARISONS = st.lists(
    st.builds(Comparison, NAMES, st.sampled_from(sorted(OPERATORS)), NUMBERS), min_size=1, max_size=4
)
# Off for 40 readings in the middle: a pump that stands still draws nothing.
OFF = slice(150, 190)


@pytest.fixture
def stopped():
    rows = pump_rows(300, seed=5)
    rows[OFF] = 0.0
    return rows


@pytest.fixture
def detector(exported, tmp_path):
    path = tmp_path / "pump.tflite"
    manifest = exported.manifest
    replace(exported, manifest=replace(manifest, spec=manifest.spec._replace(only_when="current > 0.5"))).write(path)
    return Detector.load(path)


def readings(values):
    return Readings(np.arange(len(values), dtype=float), np.asarray(values, np.float64))


@given(COMPARISONS)
def test_condition_is_read_as_it_is_written(comparisons):
    assert list(parse_condition(condition_text(comparisons))) == comparisons


@given(st.data(), COMPARISONS)
def test_condition_holds_as_python_says_in_float32(data, comparisons):
    sensors = list(dict.fromkeys(one.sensor for one in comparisons))
    values = np.array(
        data.draw(st.lists(st.lists(st.one_of(NUMBERS, st.sampled_from([one.number for one in comparisons])),
                                    min_size=len(sensors), max_size=len(sensors)), max_size=5)),
        np.float64,
    ).reshape(-1, len(sensors))  # fmt: skip
    expected = [
        all(
            getattr(operator, PYTHON[one.operator])(float(row[sensors.index(one.sensor)]), one.number)
            for one in comparisons
        )
        for row in values.astype(np.float32)
    ]
    assert Condition(condition_text(comparisons), sensors).is_on(values).tolist() == expected


@given(st.lists(st.booleans()))
def test_runs_cover_every_reading_in_order(on):
    stretches = list(runs(np.array(on, bool)))
    assert [value for rows, value in stretches for _ in range(rows.start, rows.stop)] == on
    assert all(before[1] != after[1] for before, after in itertools.pairwise(stretches))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_missing_value_decides_nothing(value):
    condition = Condition("a > 2 and b == 0", ["a", "b"])
    assert condition.is_on(np.array([[value, 0.0], [value, 1.0]])).tolist() == [True, False]


@pytest.mark.parametrize(
    "text",
    ["current", "current >", "> 2", "current > two", "current > 1_0", "current > inf", "current > 1e39", "current = 2",
     "current > 2 or flow > 1", "current > 2 and", "current > 2,flow > 1", "(current > 2)", "current > -", 'a"b > 1'],
)  # fmt: skip
def test_what_is_no_condition_says_what_is(text):
    with pytest.raises(UsageError, match=r"expected .*(joined by `and`|sensors of the model)"):
        Condition(text, ["current", "flow"])


def test_unknown_column_names_the_ones_there():
    with pytest.raises(UsageError, match=r"Received: 'heat'. Sensors there: flow, pressure, current, vibration"):
        Condition("heat > 2 and flow > 1", SENSORS)


def test_recording_keeps_what_is_on_and_no_window_reaches_over_the_rest(tmp_path, stopped):
    path = write_csv(tmp_path / "log.csv", stopped, time=range(300))
    recording = read_recording(path, only_when="current > 0.5")
    np.testing.assert_array_equal(recording.values, np.delete(stopped, np.arange(300)[OFF], axis=0))
    assert (recording.breaks, recording.off, recording.only_when) == ((150,), 40, "current > 0.5")
    assert not recording.notes
    quoted = write_csv(tmp_path / "quoted.csv", stopped, note=['"a,b"'] * 300)
    assert read_recording(quoted, Columns(exclude=("note",)), only_when="current > 0.5").breaks == (150,)


def test_missing_values_while_it_is_off_do_not_matter(tmp_path, stopped):
    stopped[160, 0] = np.nan
    path = write_csv(tmp_path / "log.csv", stopped)
    with pytest.raises(RecordingError, match=r"line 162: sensor 'flow' has no value"):
        read_recording(path, on_missing="error")
    assert len(read_recording(path, on_missing="error", only_when="current > 0.5").values) == 260


def test_recording_that_is_never_on_says_so(tmp_path, stopped):
    path = write_csv(tmp_path / "log.csv", stopped)
    with pytest.raises(RecordingError, match=r"no readings with current > 99\. .* Received: 300 outside"):
        read_recording(path, only_when="current > 99")


def test_sensor_that_decides_cannot_be_dropped(tmp_path, stopped):
    recording = read_recording(write_csv(tmp_path / "log.csv", stopped), only_when="current > 0.5")
    with pytest.raises(RecordingError, match=r"needs current, which would be left out"):
        recording.without(["current"])


def test_train_keeps_it_and_the_file_follows_it(saelite, tmp_path, stopped):
    rows = pump_rows(900, seed=1)
    rows[300:400] = 0.0
    write_csv(tmp_path / "normal.csv", rows)
    result = saelite("train", "normal.csv", "--only-when", "current > 0.5", "--epochs", 5, "-o", "run")
    assert "100 rows not used, outside current > 0.5" in result.stderr, result.stderr
    assert read_run_folder(tmp_path / "run").spec.only_when == "current > 0.5"
    result = saelite("export", "run", "-o", "pump.tflite", "--quantize", "float32")
    assert result.returncode == 0, result.stderr
    assert "only when" in saelite("inspect", "pump.tflite").stdout
    write_csv(tmp_path / "log.csv", stopped, time=range(300))
    assert "40 rows left out by --only-when" in saelite("score", "pump.tflite", "log.csv", "-o", "s.csv").stdout
    everything = saelite("score", "pump.tflite", "log.csv", "--only-when", "", "-o", "all.csv")
    assert everything.returncode == 0, everything.stderr
    assert "left out" not in everything.stdout
    assert "40 off" in saelite("run", "pump.tflite", "--source", "csv:log.csv", "--sink", "jsonl:r.jsonl").stderr


def test_detector_is_silent_while_it_is_off(detector, stopped):
    stream = detector.stream()
    results = [stream.update(row) for row in stopped]
    assert [row for row, result in enumerate(results) if result is None] == [0, 1, *range(150, 192)]


@pytest.mark.parametrize("cuts", [(), (150,), (160, 170), range(1, 300)])
def test_stream_score_and_detector_leave_out_the_same(saelite, detector, tmp_path, stopped, cuts):
    stopped[140:150, 1] += 100_000
    stream = Monitor(detector)
    times, values = np.arange(300.0), stopped.astype(np.float64)
    pushed = [
        stream.push(Readings(when, what))
        for when, what in zip(np.split(times, list(cuts)), np.split(values, list(cuts)), strict=True)
    ]
    counters = stream.counters
    assert (counters.read, counters.scored, counters.filling, counters.off) == (300, 256, 4, 40)
    events = [event for results in pushed for event in results.events]
    off = [event for event in events if event.name == "alarm_ended" and event.time_s == 150]
    assert len(off) == 1
    write_csv(tmp_path / "log.csv", stopped, time=range(300))
    assert saelite("score", "pump.tflite", "log.csv", "-o", "s.csv").returncode == 0
    lines = [line.split(",") for line in (tmp_path / "s.csv").read_text().splitlines()]
    alarms = {int(line[0]): line[lines[0].index("alarm")] == "1" for line in lines[1:]}
    streamed = {int(t): bool(a) for part in pushed for t, a in zip(part.times, part.alarms, strict=True)}
    assert streamed == alarms
    stream = detector.stream()
    updated = [stream.update(row) for row in stopped]
    assert [row for row, result in enumerate(updated) if result is not None] == sorted(alarms)


def test_alarm_ends_as_the_machine_goes_off_even_without_a_result(detector, stopped):
    stopped[140:150, 1] += 100_000
    stream = Monitor(detector)
    before = stream.push(readings(stopped[:150]))
    assert before.row(-1).alarm
    after = stream.push(Readings(np.array([150.0, 151.0]), stopped[150:152].astype(np.float64)))
    assert (len(after), [event.name for event in after.events], after.event_rows) == (0, ["alarm_ended"], (-1,))
    assert not standing(after, before.row(-1)).alarm
    for form in (alarm_lines, json_lines(SENSORS)):
        assert [json.loads(line)["event"] for line in form(after)] == ["alarm_ended"]


def test_sensor_that_gives_numbers_while_the_machine_is_off_is_not_silent(detector, stopped):
    stream = Monitor(detector)
    stopped[149, 1] = np.nan
    stream.push(readings(stopped[:150]))
    assert np.isfinite(stream.missing_since_s).tolist() == [False, True, False, False]
    stream.push(Readings(np.array([150.0]), stopped[150:151].astype(np.float64)))
    assert not np.isfinite(stream.missing_since_s).any()


def test_stream_can_be_told_otherwise(detector, stopped):
    stream = Monitor(detector, MonitorSettings(only_when=""))
    stream.push(readings(stopped))
    assert (stream.counters.scored, stream.counters.off) == (298, 0)


def test_damaged_condition_is_refused(exported, tmp_path):
    path = tmp_path / "pump.tflite"
    spec = exported.manifest.spec._replace(only_when="heat > 2")
    replace(exported, manifest=replace(exported.manifest, spec=spec)).write(path)
    assert read_model_file(path).manifest.spec.only_when == "heat > 2"
    with pytest.raises(ModelFileError, match="the manifest's condition cannot be used"):
        Detector.load(path)
