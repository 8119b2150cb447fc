"""Figures on collections: counting, the protocols' cuts, and one real file from training to alarm."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from benchmarks.accuracy import adbench, skab
from benchmarks.accuracy.baselines import BASELINES, baseline_alarms
from benchmarks.accuracy.counts import Counts

flags = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=50)


@given(flags)
def test_f1_is_scikit_learns(pairs):
    labels, alarms = np.array(pairs).T
    assert Counts.of(labels, alarms).f1 == pytest.approx(f1_score(labels, alarms, zero_division=0.0))


@given(flags, flags)
def test_pooling_is_counting_all_rows_at_once(one, other):
    parts = [Counts.of(*np.array(pairs).T) for pairs in (one, other)]
    assert sum(parts, Counts()) == Counts.of(*np.array(one + other).T)


def test_adbench_is_cut_by_its_protocol(tmp_path):
    rng = np.random.default_rng(1)
    rows, labels = rng.normal(size=(100, 3)), np.arange(100) < 10
    np.savez(tmp_path / "1_small.npz", X=rows, y=labels.astype(int))
    (split,) = adbench.splits(tmp_path)
    order = np.random.default_rng(0).permutation(np.arange(10, 100))
    np.testing.assert_array_equal(split.normal.values, rows[order[:45]].astype(np.float32))
    assert (split.labels.sum(), len(split.labels)) == (10, 55)


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_alarm_on_what_is_far_out_and_use_no_later_row(name):
    rows = np.random.default_rng(0).normal(size=(600, 3)).astype(np.float32)
    rows[500:] += 8.0
    alarms = baseline_alarms(name, rows[:400], rows, seed=0)
    assert alarms[560:].all()
    assert not alarms[:500].any()
    np.testing.assert_array_equal(alarms[:550], baseline_alarms(name, rows[:400], rows[:550], seed=0))


@pytest.mark.realdata
def test_a_file_of_skab_is_learnt_exported_and_scored(realdata):
    found = [pair for pair in skab.recordings(realdata / "skab") if pair[0].name.startswith("7")][:1]
    results = {result.method: result.counts for result in skab.outcomes(found, [0])}
    assert results["saelite int8"].f1 > results[skab.ALWAYS].f1
    assert abs(results["saelite int8"].f1 - results["saelite float32"].f1) < 0.02
