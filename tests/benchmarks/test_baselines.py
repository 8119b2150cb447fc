"""Simple methods beside ours: the same windows and limit rule, no later row, no window over missing time."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.accuracy.baselines import BASELINES
from benchmarks.accuracy.limit_rules import limit_of
from benchmarks.accuracy.methods import Ready, baseline
from benchmarks.accuracy.real_path import DEFAULTS, part_of, relative_scores
from edge_runtime.model_file.manifest import DetectorSpec, Scoring, Sensor
from edge_runtime.signal.preprocessing import Preprocessing
from training.recordings import Recording


@pytest.fixture(scope="module")
def spec():
    """Of a detector of three sensors, as it is after training on standard normal readings."""
    sensors = tuple(Sensor(name) for name in "abc")
    return DetectorSpec(sensors, Preprocessing("standard", (0.0,) * 3, (1.0,) * 3), Scoring("t2", 30, mean_rate=0.01))


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_alarm_on_what_is_far_out_and_use_no_later_row(spec, name):
    rows = np.random.default_rng(0).normal(size=(600, 3)).astype(np.float32)
    rows[500:] += 8.0
    recording = Recording("rows", ("a", "b", "c"), rows)
    learnt = baseline(name, spec, part_of(recording, 400), DEFAULTS)

    def alarms(stop):
        return relative_scores(learnt, part_of(recording, stop)) > 1.0

    assert alarms(600)[560:].all()
    assert not alarms(600)[:500].any()
    assert alarms(600)[:550].tolist() == alarms(550).tolist()


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_score_what_is_farther_out_higher_and_never_below_zero(name):
    rng = np.random.default_rng(0)
    score = BASELINES[name](rng.normal(size=(300, 4)).astype(np.float32), 0)
    usual, far = score(rng.normal(size=(50, 4)).astype(np.float32)), score(np.full((1, 4), 9.0, np.float32))
    assert usual.shape == (50,)
    assert usual.min() >= 0
    assert far[0] > usual.max()


def test_the_fifth_nearest_neighbour_is_the_fifth():
    normal = np.arange(10, dtype=np.float32)[:, None]
    score = BASELINES["k nearest neighbours"](normal, 0)
    np.testing.assert_allclose(score(np.array([[0.0], [20.0]], np.float32)), [4.0, 15.0])


def test_a_limit_rests_on_rows_that_were_not_learnt(spec):
    scored = []

    def fit(inputs, seed):
        def score(rows):
            assert not set(rows[:, 0].tolist()) & set(inputs[:, 0].tolist())
            scored.append(len(rows))
            return rows[:, 0]

        return score

    windows = np.repeat(np.linspace(1.0, 2.0, 400, dtype=np.float32)[:, None, None], 3, axis=2)
    found = limit_of(fit, windows, spec, DEFAULTS)
    assert scored
    assert found.value > 1.0
    assert 0 < found.promised_far < 1


def test_a_limit_is_above_zero_even_where_all_rows_are_alike(spec):
    found = limit_of(BASELINES["k nearest neighbours"], np.ones((100, 1, 3), np.float32), spec, DEFAULTS)
    assert found.value > 0


def test_no_window_reaches_over_missing_time(spec):
    spec = spec._replace(preprocessing=replace(spec.preprocessing, window=3))
    recording = Recording("rows", ("a", "b", "c"), np.zeros((10, 3), np.float32), breaks=(5,))
    ready = Ready(lambda windows: np.ones(len(windows), np.float32), spec, threshold=1.0, promised_far=0.01)
    unscored = np.isnan(relative_scores(ready, recording))
    assert np.flatnonzero(unscored).tolist() == [0, 1, 5, 6]
