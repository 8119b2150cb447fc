"""The state file: whole, checked by sum and by meaning, kept by one process alone."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from machines import pump_rows

from edge_runtime import Detector
from edge_runtime.common.lock import FileLock
from edge_runtime.errors import OutputError
from edge_runtime.running.state_keeper import StateKeeper
from edge_runtime.signal.readings import Readings
from edge_runtime.streaming.adaptation.spot import SpotState
from edge_runtime.streaming.alarm_events import AlarmEnded, AlarmStarted
from edge_runtime.streaming.blame import Blamed
from edge_runtime.streaming.judging import AdaptationSettings
from edge_runtime.streaming.monitor import Monitor
from edge_runtime.streaming.monitor_settings import MonitorSettings
from edge_runtime.streaming.state import StateError, read_state, write_state
from edge_runtime.streaming.unwritten import Unwritten


@pytest.fixture
def monitor(model_path):
    spot = AdaptationSettings(adapt="spot")
    monitor = Monitor(Detector.load(model_path), MonitorSettings(adaptation=spot))
    rows = pump_rows(1500, seed=5).astype(np.float64)
    monitor.push(Readings(np.arange(1500.0), rows))
    return monitor


def forged(path, **changes):
    """Change fields, and write a checksum that fits."""
    state = json.loads(path.read_bytes())["state"]
    for name, value in changes.items():
        *parents, last = name.split("__")
        place = state
        for parent in parents:
            place = place[parent]
        place[last] = value
    text = json.dumps(state)
    digest = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(json.dumps({"sha256": digest, "state": state}))


def test_state_comes_back_as_it_was(monitor, tmp_path):
    write_state(tmp_path / "s.json", monitor.state)
    assert read_state(tmp_path / "s.json").stream == monitor.state.stream
    assert read_state(tmp_path / "none.json") is None


def test_events_that_json_cannot_hold_come_back_as_near_as_it_can(monitor, tmp_path):
    blamed = (Blamed("flow", 0.5, float("nan"), 1.0, None),)
    events = (AlarmStarted(1.5, float("inf"), 1.0, blamed), AlarmEnded(2.5, 1.5, 1.0, 9.0, blamed))
    write_state(tmp_path / "s.json", replace(monitor.state, unwritten=(Unwritten.of("a.jsonl", events),)))
    (owed,) = read_state(tmp_path / "s.json").unwritten
    known = (Blamed("flow", 0.5, None, 1.0, None),)
    assert owed.events[0] == AlarmStarted(1.5, owed.events[0].score, 1.0, known)
    assert owed.events[0].score > 1e38
    assert owed.events[1] == AlarmEnded(2.5, 1.5, 1.0, 9.0, known)


def test_every_changed_character_of_a_number_is_noticed(monitor, tmp_path):
    path = tmp_path / "s.json"
    write_state(path, monitor.state)
    content = path.read_bytes()
    for place in range(0, len(content), 101):
        if chr(content[place]).isdigit():
            other = b"1" if content[place : place + 1] != b"1" else b"2"
            path.write_bytes(content[:place] + other + content[place + 1 :])
            with pytest.raises(StateError):
                read_state(path)


@pytest.mark.parametrize(
    "change",
    [
        {"stream__spot__n_scores": 0}, {"stream__spot__n_scores": -1}, {"stream__spot__n_peaks": 0},
        {"stream__spot__peaks": [0.0] * 20}, {"stream__blame": [1e300] * 4},
        {"alarm__cool_down_s": -1.0}, {"alarm__lasted_s": float("nan")}, {"alarm__peak_score": -1.0},
        {"stream__until_due": 0}, {"stream__until_due": 10**9}, {"usual_step_s": -1.0},
        {"stream__smoothed": float("inf")}, {"stream__smoothed": -5.0},
        {"stream__smoothed": 1e300}, {"stream__window": [[1e300] * 4]}, {"last_time_s": float("inf")}, {"schema": 1},
        {"drift__count": -1}, {"stream__mean_drift": [float("nan")] * 4}, {"stream__variance": [0.5] * 4},
        {"stream__variance": [float("inf")] * 4}, {"stream__variance": [1e300] * 4}, {"stream__alarm_height": -1.0},
        {"stream__alarm_height": 3.1},
        {"unwritten": [{"sink": "a", "kept": [{}] * 1001}]}, {"unwritten": [{"sink": "a", "kept": []}] * 101},
        {"unwritten": [{"sink": "a", "kept": [{"started": {"time_s": float("nan"), "score": 1, "threshold": 1,
                                                           "blamed": []}}]}]},
    ],
)  # fmt: skip
def test_state_that_cannot_be_meant_is_refused_even_with_its_checksum(monitor, tmp_path, change):
    path = tmp_path / "s.json"
    write_state(path, monitor.state)
    forged(path, **change)
    with pytest.raises(StateError):
        read_state(path)


def test_scores_of_a_forged_adaptation_never_crash(monitor):
    forged = SpotState(peaks=(1.0,) * 20, level=1.0, n_scores=0, n_peaks=20)
    monitor.restore(replace(monitor.state, stream=monitor.state.stream._replace(spot=forged)))
    assert monitor.state.threshold == monitor.detector.threshold


def test_bad_state_is_set_aside_told_and_replaced(monitor, tmp_path):
    told, path = [], tmp_path / "s.json"
    monitor.notices.tell = told.append
    path.write_bytes(b"{}")
    keeper = StateKeeper(path, 10.0, monitor)
    keeper.restore()
    keeper.close()
    assert (tmp_path / "s.json.bad").read_bytes() == b"{}"
    assert "set aside as s.json.bad" in told[0]
    assert read_state(path) is not None


def test_lock_is_held_by_one_and_free_afterwards(tmp_path):
    first = FileLock(tmp_path / "s.json")
    with pytest.raises(OutputError, match="in use by process"):
        FileLock(tmp_path / "s.json")
    first.release()
    FileLock(tmp_path / "s.json").release()
    assert list(tmp_path.iterdir()) == []
