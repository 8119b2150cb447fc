"""Figures on collections: counting, the protocols' cuts, and one real file from training to alarm."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from benchmarks.accuracy import adbench, neighbours, skab
from benchmarks.accuracy.baselines import BASELINES, baseline
from benchmarks.accuracy.counts import Counts
from benchmarks.accuracy.real_path import part_of, relative_scores
from edge_runtime.judging import Judge
from edge_runtime.manifest import DetectorSpec, Scoring, Sensor
from edge_runtime.preprocessing import Preprocessing
from edge_runtime.run_folder import ThresholdRule
from training.recordings import Recording

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

    def alarms(stop):
        judge = baseline(name, spec, ThresholdRule(check_fraction=0.0), part_of(recording, 400), seed=0)
        return relative_scores(judge, part_of(recording, stop)) > 1.0

    assert alarms(600)[560:].all()
    assert not alarms(600)[:500].any()
    assert alarms(600)[:550].tolist() == alarms(550).tolist()


def test_no_window_reaches_over_missing_time(spec):
    spec = spec._replace(preprocessing=replace(spec.preprocessing, window=3))
    recording = Recording("rows", ("a", "b", "c"), np.zeros((10, 3), np.float32), breaks=(5,))
    judge = Judge(lambda windows: np.ones(len(windows), np.float32), spec, threshold=1.0)
    unscored = np.isnan(relative_scores(judge, recording))
    assert np.flatnonzero(unscored).tolist() == [0, 1, 5, 6]


def outcome(name, rows):
    return skab.Outcome(name, "saelite int8", 0, is_normal=False, counts=Counts(hits=rows))


def test_published_figures_stand_beside_the_whole_collection_alone():
    part = [outcome(f"valve1/{number}", 700) for number in range(16)]
    whole = [outcome(f"valve1/{number}", 700) for number in range(33)] + [outcome("other/1", 701)]
    assert not any("published" in row[0] for row in skab.table(part))
    assert "Conv-AE (published)" in [row[0] for row in skab.table(whole)]


def write_csv(path, labels, separator=",", seed=0):
    rng = np.random.default_rng(seed)
    flow, heat = rng.normal(size=(2, len(labels)))
    heat += 8 * np.array([label not in {"0", "normal", ""} for label in labels])
    lines = [separator.join(("flow", "heat", "state"))]
    lines += [separator.join(map(str, row)) for row in zip(flow, heat, labels, strict=True)]
    path.write_text("\n".join(lines) + "\n")


def test_own_recordings_are_learnt_before_their_first_anomaly_and_scored_after_it(saelite, tmp_path):
    write_csv(tmp_path / "numbers.csv", ["0"] * 600 + ["1"] * 100 + ["0"] * 100)
    write_csv(tmp_path / "words.csv", ["normal"] * 600 + ["leak"] * 100 + ["normal"] * 100, ";", seed=1)
    write_csv(tmp_path / "quiet.csv", ["0"] * 700, seed=2)
    call = saelite("bench", "accuracy", "--csv", tmp_path, "--label", "state", "--seeds", 1, "--json", "out.json")
    assert call.returncode == 0, call.stderr
    figures = {(one["name"], one["scheme"]): one for one in json.loads((tmp_path / "out.json").read_text())["figures"]}
    for name in ("numbers", "words"):
        assert figures[name, "int8"]["learnt_rows"] == 300
        assert sum(figures[name, "int8"]["counts"].values()) == 500
        assert figures[name, "int8"]["f1"] > 0.6
        assert figures[name, "int8"]["roc_auc"] > 0.9
    assert figures["quiet", "int8"]["f1"] is None
    assert figures["quiet", "float32"]["far"] < 0.2


@pytest.mark.parametrize(
    ("labels", "column", "words"),
    [
        (["0"] * 300 + ["1"] * 50, "stat", ["no column stat", "flow, heat, state"]),
        (["1"] * 50 + ["0"] * 300, "state", ["mine has too few normal rows", "first anomaly is in row 0"]),
        (["0"] * 150 + ["1"] * 50, "state", ["first anomaly is in row 150", "at least 200"]),
        (["fine"] * 300, "state", ["first anomaly is in row 0", "normal, no and ok are normal"]),
        (["0"] * 50, "state", ["it has 50 rows"]),
    ],
)
def test_recordings_that_cannot_be_learnt_from_are_named(saelite, tmp_path, labels, column, words):
    write_csv(tmp_path / "mine.csv", labels)
    call = saelite("bench", "accuracy", "--csv", tmp_path, "--label", column)
    assert call.returncode == 1
    for word in words:
        assert word in call.stderr


@pytest.mark.parametrize("options", [["--csv", "."], ["--label", "state"], ["--skab", ".", "--csv", "."], []])
def test_one_collection_is_named(saelite, options):
    assert saelite("bench", "accuracy", *options).returncode == 2


@pytest.mark.realdata
def test_a_file_of_skab_is_learnt_exported_and_scored(realdata):
    found = [pair for pair in skab.recordings(realdata / "skab") if pair[0].name == "valve1/7"]
    results = {result.method: result.counts for result in skab.outcomes(found, [0])}
    assert results["saelite int8"].f1 > results[skab.ALWAYS].f1
    assert abs(results["saelite int8"].f1 - results["saelite float32"].f1) < 0.02


@pytest.mark.realdata
def test_the_recipe_among_its_neighbours_is_the_recipe(realdata):
    found = [pair for pair in skab.recordings(realdata / "skab") if pair[0].name == "valve1/7"]
    own = {one.method: one.counts for one in skab.outcomes(found, [0])}["saelite int8"]
    tried = {one.method: one.counts for one in neighbours.outcomes(found, [0])}
    assert list(tried) == list(neighbours.neighbours())
    assert tried[neighbours.CHOSEN] == own
    assert tried["mean rate 0"] != own
