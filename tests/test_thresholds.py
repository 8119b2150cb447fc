"""Thresholds from normal scores: each rule against its definition, and the false alarms measured beside it."""

import numpy as np
import pytest
from export.threshold import fit_threshold
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from edge_runtime.errors import RecordingError, UsageError
from edge_runtime.manifest import Threshold
from edge_runtime.run_folder import ThresholdRule
from saelite.false_alarms import doubt


@given(st.lists(st.floats(0, 1e6), min_size=20, max_size=300), st.floats(0.01, 0.5))
def test_target_rate_is_not_exceeded_on_the_scores_it_was_fitted_on(scores, target):
    rule = ThresholdRule("far", target_far=target, check_fraction=0.0)
    threshold = fit_threshold(np.array(scores), rule)
    assert np.mean(np.array(scores) > threshold.value) <= target
    assert threshold.target_far == target


def test_peaks_over_threshold_see_further_than_the_scores():
    scores = np.random.default_rng(0).exponential(size=20_000)
    threshold = fit_threshold(scores, ThresholdRule("pot", target_far=1e-5))
    assert threshold.value == pytest.approx(stats.expon.isf(1e-5), rel=0.2)


def test_peaks_over_threshold_refuse_a_handful():
    with pytest.raises(RecordingError, match=r"at least 10 scores .*Received: 2 of 40"):
        fit_threshold(np.arange(60.0), ThresholdRule("pot"))


@pytest.mark.parametrize("method", ["quantile", "far", "pot"])
def test_false_alarms_are_counted_on_windows_that_were_not_fitted_on(method):
    calm, drifted = np.random.default_rng(0).exponential(size=(2, 3000))
    scores = np.concatenate([calm, drifted[:1500] + 20])
    threshold = fit_threshold(scores, ThresholdRule(method, factor=1.0))
    assert (threshold.n_windows, threshold.n_measured) == (3000, 1500)
    assert threshold.measured_far == 1.0


def test_without_a_slice_to_measure_on_nothing_is_claimed():
    threshold = fit_threshold(np.arange(100.0), ThresholdRule(check_fraction=0.0))
    assert (threshold.measured_far, threshold.n_windows) == (None, 100)


@pytest.mark.parametrize("wrong", [{"method": "best"}, {"quantile": 1.5}, {"target_far": 0.0}, {"factor": -1.0}])
def test_rules_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(UsageError, match="Received"):
        ThresholdRule(**wrong)


@pytest.mark.parametrize(
    ("n_windows", "measured_far", "words"),
    [
        (600, 0.0, []),
        (600, 0.009, []),
        (600, None, []),
        (14, 0.0, ["rests on 14 windows"]),
        (600, 0.02, ["above it far more often"]),
        (14, 0.5, ["rests on 14 windows and", "above it far more often"]),
    ],
)
def test_a_threshold_on_too_little_says_so(n_windows, measured_far, words):
    threshold = Threshold(30.0, "quantile", 0.001, n_windows, measured_far=measured_far, n_measured=200)
    told = doubt(threshold)
    assert (told is None) == (not words)
    assert all(word in (told or "") for word in words)
