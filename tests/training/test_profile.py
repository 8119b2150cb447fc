"""What `saelite train --profile` says of a recording."""

import numpy as np
import pytest

from training.recordings import Recording
from training.recordings.findings import Findings
from training.recordings.nature import nature_of
from training.recordings.profile import profile

NOTHING = Findings((), {}, {})
DRIFTING = Findings((), {}, {"warming": 48.0})


def profiled(columns, rate_hz=0.0, findings=NOTHING):
    recording = Recording("x", tuple(columns), np.stack(list(columns.values()), 1).astype(np.float32), rate_hz=rate_hz)
    return profile(recording, findings, nature_of(recording))


def by_name(found):
    return {one.name: one for one in found.sensors}


@pytest.fixture
def noise():
    return np.random.default_rng(0).normal(size=5000)


def test_steady_sensor_is_an_a(noise):
    (sensor,) = profiled({"good": noise}).sensors
    assert (sensor.grade, sensor.note) == ("A", "")
    assert sensor.mean == pytest.approx(noise.mean(), abs=1e-4)
    assert sensor.deviation == pytest.approx(noise.std(), rel=1e-4)


def test_sensors_that_are_not_used_are_ds(noise):
    found = profiled({"still": noise * 0, "again": noise}, findings=Findings(("still",), {"again": "good"}, {}))
    assert [one.grade for one in found.sensors] == ["D", "D"]
    assert "same values as good" in by_name(found)["again"].note


def test_faulty_minutes_make_a_c(noise):
    spoilt = noise.copy()
    spoilt[1000:1200] += 40
    sensor = by_name(profiled({"spoilt": spoilt}))["spoilt"]
    assert sensor.grade == "C"
    assert sensor.far_out == pytest.approx(200 / 5000, abs=0.002)


def test_daily_cycle_is_found_by_the_variance_it_explains(noise):
    hours = np.arange(len(noise)) / 24
    cycle = 2.0 * np.sin(2 * np.pi * hours)
    sensor = by_name(profiled({"warm": cycle + noise}, rate_hz=1 / 3600))["warm"]
    assert sensor.daily == pytest.approx(cycle.var() / (cycle + noise).var(), abs=0.03)
    assert sensor.grade == "B"
    assert "time of day" in sensor.note


def test_drift_is_told_as_handled(noise):
    sensor = by_name(profiled({"warming": np.linspace(0, 20, 5000) + noise}, findings=DRIFTING))["warming"]
    assert sensor.grade == "B"
    assert "drifts" in sensor.note


def test_short_recording_without_time_is_advised_to_be_longer(noise):
    found = profiled({"good": noise[:100]})
    assert len(found.advice) == 2
    assert found.grade == "B"


def test_series_and_tables_are_told_apart(noise):
    level = np.convolve(noise, np.ones(20) / 20, "same")
    for column, expected in ((noise, False), (level, True)):
        recording = Recording("x", ("a",), column[:, None].astype(np.float32))
        assert nature_of(recording).is_series is expected


def test_command_prints_grades(saelite, tmp_path):
    lines = ["flow,still", *(f"{value:.4f},1" for value in np.random.default_rng(1).normal(size=300))]
    (tmp_path / "x.csv").write_text("\n".join(lines))
    result = saelite("train", "x.csv", "-o", "run", "--epochs", "1", "--profile")
    assert result.returncode == 0, result.stderr
    assert "never moves: not used" in result.stdout
    assert "flow" in result.stdout
