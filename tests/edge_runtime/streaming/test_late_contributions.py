"""Contributions near alarms alone are those that smoothing all of them gives."""

import numpy as np
import pytest
from machines import pump_rows

from edge_runtime import Detector
from edge_runtime.streaming.judging import AdaptationSettings
from edge_runtime.streaming.stream import Stream
from edge_runtime.streaming.wanted import Wanted


@pytest.fixture(scope="module")
def detector(exported, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "pump.tflite"
    exported.write(path)
    return Detector.load(path)


def streams(detector, adaptation):
    """Return a stream that explains everything, and one that has contributions near alarms alone."""
    return Stream(detector, adaptation, Wanted(explain_above=-np.inf)), Stream(
        detector, adaptation, Wanted(explain_above=0.8, levels=False)
    )


def in_blocks(stream, blocks):
    parts = [stream.update_many(block) for block in blocks]
    contributions = np.concatenate([one.evidence.contributions for one in parts])
    return (
        np.concatenate([one.scores for one in parts]),
        np.concatenate([one.anomalies for one in parts]),
        contributions,
    )


@pytest.mark.parametrize("adaptation", [None, AdaptationSettings(mean_rate=0.002, scale_rate=0.005)])
@pytest.mark.parametrize("cuts", [(), (301, 302, 330, 1500), range(5, 2500, 5)])
def test_contributions_from_an_anomaly_until_its_end_are_those_of_all_windows(detector, adaptation, cuts):
    rows = pump_rows(2500, seed=9)
    for start in (300, 318, 420, 2480):
        rows[start : start + 12, 1] += 30_000
    every, late = streams(detector, adaptation)
    scores, anomalies, expected = in_blocks(every, [rows])
    found_scores, found_anomalies, found = in_blocks(late, np.split(rows, cuts))
    np.testing.assert_allclose(found_scores, scores, rtol=1e-5)
    np.testing.assert_array_equal(found_anomalies, anomalies)
    is_high, odd = scores > 0.8 * late.threshold, np.zeros(len(scores), bool)
    for row in range(len(odd)):
        odd[row] = anomalies[row] or (row > 0 and odd[row - 1] and is_high[row])
    np.testing.assert_allclose(found[odd], expected[odd], rtol=1e-4, atol=1e-6)
    assert not found[~odd].any()
    assert 30 < odd.sum() < 600
    np.testing.assert_allclose(late.memory.blame, every.memory.blame, rtol=1e-4, atol=1e-6)


def test_what_was_saved_goes_on(detector):
    rows = pump_rows(400, seed=9)
    rows[200:260, 1] += 30_000
    every, before = streams(detector, None)
    _, _, expected = in_blocks(every, [rows])
    before.update_many(rows[:230])
    _, after = streams(detector, None)
    after.memory = before.memory
    found = after.update_many(rows[230:]).evidence.contributions
    np.testing.assert_allclose(found[:20], expected[228:248], rtol=1e-4)
    after.reset()
    assert after.memory.blame == ()
