"""NAB's scoring rule: cases worked by hand, and a slow reference that follows the rule row by row."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.accuracy.nab_alarms import alarm_scores
from benchmarks.accuracy.nab_score import (
    NEVER,
    CostProfile,
    ScoredSeries,
    probation_of,
    score_at,
    standard_score,
    windows_of,
    worth_of_alarms,
)
from edge_runtime.errors import RecordingError

FIRST_ROW = 2 / (1 + math.exp(-5)) - 1  # σ(-1), which a hit in a window's first row is divided by


def series(scores, labels, probation=0):
    return ScoredSeries(np.array(scores, np.float32), np.array(labels, bool), probation)


def sigma(place):
    return -1.0 if place > 3.0 else 2.0 / (1.0 + math.exp(5.0 * place)) - 1.0


def reference(found, threshold, profile, *, runs=False):
    """Return the normalised score, by the rule's words: one series, one window, one row after the other."""
    total, count = 0.0, 0
    for one in found:
        windows = windows_of(one.labels).tolist()
        alarm = [row >= one.probation and not math.isnan(s) and s >= threshold for row, s in enumerate(one.scores)]
        if runs:
            alarm = [now and not (row and alarm[row - 1]) for row, now in enumerate(alarm)]
        for start, stop in windows:
            if stop <= one.probation:
                continue
            count += 1
            hits = [row for row in range(start, stop) if alarm[row]]
            place = (hits[0] - stop) / (stop - start) if hits else None
            total += -profile.miss if place is None else profile.hit * sigma(place) / sigma(-1.0)
        for row in range(len(alarm)):
            if not alarm[row] or one.labels[row]:
                continue
            behind = [(start, stop) for start, stop in windows if stop <= row]
            if not behind:
                total -= profile.false_alarm
            else:
                start, stop = behind[-1]
                width = stop - start
                place = math.inf if width == 1 else (row - (stop - 1)) / (width - 1)
                total += profile.false_alarm * sigma(place)
    null, perfect = -profile.miss * count, profile.hit * count
    return 100.0 * (total - null) / (perfect - null)


def best_by_reference(found, profile, *, runs=False):
    thresholds = {float(s) for one in found for s in one.scores[one.probation :] if not math.isnan(s)}
    return max([0.0, *(reference(found, threshold, profile, runs=runs) for threshold in thresholds)])


def test_a_detector_that_never_alarms_has_0_and_one_that_is_always_right_100():
    labels = [0] * 5 + [1] * 4 + [0] * 5
    assert score_at([series([0] * 14, labels)], 1.0).score == 0.0
    perfect = series([0] * 5 + [1] + [0] * 8, labels)
    assert score_at([perfect], 1.0).score == pytest.approx(100.0)
    assert standard_score([perfect]).score == pytest.approx(100.0)
    assert standard_score([perfect]).threshold == 1.0


def test_a_late_hit_earns_by_its_place_in_the_window():
    # Row 7 is the third of four: y = (7 - 9) / 4 = -1/2, σ(-1/2) = 2 / (1 + e^-2.5) - 1 = 0.84828.
    late = series([0] * 7 + [1] + [0] * 6, [0] * 5 + [1] * 4 + [0] * 5)
    expected = 100 * (0.84828 / FIRST_ROW + 1) / 2
    assert score_at([late], 1.0).score == pytest.approx(expected, abs=1e-3)


def test_later_alarms_in_a_window_change_nothing():
    labels = [0] * 5 + [1] * 4 + [0] * 5
    once, always = series([0] * 6 + [1] + [0] * 7, labels), series([0] * 6 + [1] * 3 + [0] * 5, labels)
    assert score_at([once], 1.0) == score_at([always], 1.0)


def test_a_false_alarm_costs_all_of_its_weight_before_any_window_and_less_just_after_one():
    labels = [0] * 5 + [1] * 4 + [0] * 30
    # Row 0 has no window before it. Row 9 is the first after a window of 4 rows: y = (9 - 8) / 3, σ = -0.68226.
    # Row 18: y = 10/3 > 3, as far as can be.
    costs = {0: -0.11, 9: -0.11 * 0.68226, 18: -0.11}
    for row, cost in costs.items():
        one = series(np.arange(39) == row, labels)
        assert score_at([one], 1.0).score == pytest.approx(100 * cost / 2, abs=1e-4)


def test_alarms_in_the_probationary_period_do_not_count():
    labels = [0] * 10 + [1] * 2
    early = series([1] * 3 + [0] * 7 + [1, 0], labels, probation=3)
    assert score_at([early], 1.0).score == pytest.approx(100.0)
    assert (probation_of(1000), probation_of(100_000)) == (150, 750)


def test_one_threshold_serves_the_whole_corpus():
    # Each series alone is found perfectly, at thresholds that are false alarms in the other.
    labels = [0] * 6 + [1] * 2 + [0] * 40
    loud = series([8] * 6 + [9, 0] + [8] * 40, labels)
    quiet = series([0] * 6 + [1, 0] + [0] * 40, labels)
    assert standard_score([loud]).score == pytest.approx(100.0)
    assert standard_score([quiet]).score == pytest.approx(100.0)
    both = standard_score([loud, quiet])
    assert (both.score, both.threshold) == (pytest.approx(50.0), 9.0)


def test_where_every_threshold_is_worse_than_none_the_score_is_0():
    useless = series([5] * 40 + [0, 0], [0] * 40 + [1, 1])
    assert (standard_score([useless]).score, standard_score([useless]).threshold) == (0.0, NEVER)
    assert (alarm_scores([useless]).best.threshold, alarm_scores([useless]).at(9.0).score) == (NEVER, 0.0)


def test_a_run_of_rows_is_one_alarm():
    labels = [0] * 10 + [1] * 5
    one = series([0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0], labels)
    assert score_at([one], 1.0).score == pytest.approx(100 * (2 - 4 * 0.11) / 2)
    assert alarm_scores([one]).at(1.0).score == pytest.approx(100 * (2 - 0.11) / 2)


def test_an_alarm_that_began_before_a_window_does_not_hit_it():
    one = series([0, 1, 1, 1, 1], [0, 0, 1, 1, 1])
    assert alarm_scores([one]).at(1.0).score == pytest.approx(100 * -0.11 / 2)


@pytest.mark.parametrize("score", [standard_score, alarm_scores, lambda found: score_at(found, 1.0)])
def test_without_a_window_there_is_no_score(score):
    with pytest.raises(RecordingError, match="no series has a labelled window"):
        score([series([0, 1], [0, 0]), series([1, 0, 0], [1, 0, 0], probation=2)])


rows = st.tuples(st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0, math.nan]), st.booleans())
many = st.lists(st.tuples(st.lists(rows, min_size=1, max_size=40), st.integers(0, 5)), min_size=1, max_size=4)
profiles = st.builds(CostProfile, *(st.sampled_from([0.11, 1.0, 2.0]) for _ in range(3)))


@given(many, profiles, st.sampled_from([0.5, 1.0, 2.5]))
@settings(max_examples=200)
def test_both_scores_are_the_slow_references(drawn, profile, threshold):
    found = [series(*zip(*both, strict=True), probation) for both, probation in drawn]
    if not any(stop > one.probation for one in found for _, stop in windows_of(one.labels).tolist()):
        return
    assert score_at(found, threshold, profile).score == pytest.approx(reference(found, threshold, profile), abs=1e-9)
    assert standard_score(found, profile).score == pytest.approx(best_by_reference(found, profile), abs=1e-9)
    alarms = alarm_scores(found, profile)
    assert alarms.at(threshold).score == pytest.approx(reference(found, threshold, profile, runs=True), abs=1e-9)
    assert alarms.best.score == pytest.approx(best_by_reference(found, profile, runs=True), abs=1e-9)


def test_worths_fall_within_a_window_and_rise_in_cost_after_it():
    worths = worth_of_alarms(np.array([0] * 3 + [1] * 5 + [0] * 40, bool))
    assert (worths[:3] == -0.11).all()
    assert worths[3] == 1.0
    assert (np.diff(worths[3:8]) < 0).all()
    assert (worths[3:8] > 0).all()
    assert (np.diff(worths[8:]) <= 0).all()
    assert worths[-1] == -0.11
