"""Rows and alarms counted against labels: F1, pooled counts, alarms a day, matched limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from benchmarks.accuracy.alarm_runs import DAY_S, FalseAlarms
from benchmarks.accuracy.counts import Counts
from benchmarks.accuracy.matched import matched_limit

flags = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=50)


@given(flags)
def test_f1_is_scikit_learns(pairs):
    labels, alarms = np.array(pairs).T
    assert Counts.of(labels, alarms).f1 == pytest.approx(f1_score(labels, alarms, zero_division=0.0))


@given(flags, flags)
def test_pooling_is_counting_all_rows_at_once(one, other):
    parts = [Counts.of(*np.array(pairs).T) for pairs in (one, other)]
    assert sum(parts, Counts()) == Counts.of(*np.array(one + other).T)


@given(flags)
def test_a_run_of_alarm_rows_is_one_false_alarm_where_it_begins(pairs):
    alarms, labels = np.array(pairs).T
    begun = [row for row in range(len(alarms)) if alarms[row] and not (row and alarms[row - 1])]
    found = FalseAlarms.of(alarms, labels, row_s=60.0)
    assert found.alarms == sum(not labels[row] for row in begun)
    assert found.normal_s == 60.0 * (~labels).sum()


def test_alarms_a_day_are_counted_on_normal_time():
    assert FalseAlarms(3, DAY_S / 2).per(DAY_S) == 6.0
    assert FalseAlarms(3, 0.0).per(DAY_S) is None


@given(st.lists(st.integers(0, 20), min_size=1, max_size=200), st.sampled_from([0.01, 0.1, 0.5]))
def test_a_matched_limit_leaves_no_more_than_its_share_above(scores, far):
    values = np.array(scores, np.float32)
    assert (values > matched_limit(values, far)).mean() <= far + 1 / len(values)
