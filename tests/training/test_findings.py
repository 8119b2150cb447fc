"""Sensors that spoil a detector or add nothing: found, dropped or kept as said, and told."""

import numpy as np
import pytest

from edge_runtime.errors import RecordingError
from training.preparation import without_spoilers
from training.recordings import Recording
from training.recordings.findings import Findings, apply, find
from training.recordings.stretches import split
from training.settings import DetectorSettings


@pytest.fixture
def spoilt():
    """Return a recording with a sensor that rests, one that repeats another and one that drifts."""
    rng = np.random.default_rng(0)
    good = rng.normal(size=3000)
    columns = [good, np.full(3000, 7.0), good, np.linspace(0, 10, 3000) + rng.normal(size=3000)]
    return Recording("r", ("good", "still", "again", "wanders"), np.stack(columns, axis=1).astype(np.float32))


def test_sensors_that_spoil_a_detector_are_found(spoilt):
    findings = find(split(spoilt, 1, 1, 0.25)[0], spoilt.sensors)
    assert findings.constant == ("still",)
    assert findings.duplicate == {"again": "good"}
    assert list(findings.drift) == ["wanders"]


def test_drift_is_the_ratio_of_block_means_to_rows(spoilt):
    rows = spoilt.values[:2250, 3].astype(np.float64)
    expected = 50 * rows.reshape(-1, 50).mean(axis=1).var() / rows.var()
    findings = find(split(spoilt, 1, 1, 0.25)[0], spoilt.sensors)
    assert findings.drift["wanders"] == pytest.approx(expected)


def test_sensors_that_add_nothing_are_dropped_and_others_as_said(spoilt):
    findings = find(split(spoilt, 1, 1, 0.25)[0], spoilt.sensors)
    assert apply(spoilt, findings, DetectorSettings()).sensors == ("good", "wanders")
    assert apply(spoilt, findings, DetectorSettings(duplicate_policy="keep")).sensors == ("good", "again", "wanders")
    assert apply(spoilt, findings, DetectorSettings(drift_policy="drop")).sensors == ("good",)
    for policy, words in (
        (DetectorSettings(constant_policy="error"), "still.*--constant-policy drop"),
        (DetectorSettings(duplicate_policy="error"), "again.*--duplicate-policy drop"),
        (DetectorSettings(duplicate_policy="keep", drift_policy="error"), "wanders.*--drift-policy drop"),
    ):
        with pytest.raises(RecordingError, match=words):
            apply(spoilt, findings, policy)


@pytest.fixture
def counting():
    """Return a recording with a sensor and two that count up and down."""
    rng = np.random.default_rng(0)
    hours = np.cumsum(rng.random(2000) < 0.5)
    return Recording(
        "r", ("load", "hours", "fuel"), np.stack([rng.normal(size=2000), hours, -hours], axis=1, dtype="f4")
    )


def test_sensors_that_count_are_left_out_unless_asked_for(counting):
    left, findings = without_spoilers(counting, DetectorSettings())
    assert (left.sensors, findings.counters) == (("load",), ("hours", "fuel"))
    assert findings.lines(DetectorSettings()) == ["counting, dropped: hours, fuel"]
    assert without_spoilers(counting, DetectorSettings(counter_policy="keep"))[0].sensors == counting.sensors
    with pytest.raises(RecordingError, match=r"hours, fuel.*--counter-policy drop"):
        without_spoilers(counting, DetectorSettings(counter_policy="error"))


def test_no_sensor_counts_where_rows_have_no_order_or_no_other_is_left(counting):
    assert without_spoilers(counting, DetectorSettings(), is_series=False)[0].sensors == counting.sensors
    alone = counting.without(["load"])
    assert without_spoilers(alone, DetectorSettings())[0].sensors == alone.sensors


def test_findings_say_what_was_done():
    findings = Findings(("still",), {"again": "good"}, {"wanders": 812.3})
    assert findings.lines(DetectorSettings()) == [
        "constant, dropped: still",
        "duplicate, dropped: again (of good)",
        "drifting, kept: wanders; export allows for drift",
    ]
    assert findings.lines(DetectorSettings(duplicate_policy="keep", drift_policy="drop"))[1:] == [
        "duplicate, kept: again (of good)",
        "drifting, dropped: wanders",
    ]
