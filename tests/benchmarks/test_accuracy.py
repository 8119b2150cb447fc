"""Figures on collections: counting, the protocols' cuts, and real files from training to alarm."""

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.accuracy import adbench, machines, methods, nab, skab, tep
from benchmarks.accuracy.alarm_runs import DAY_S, FalseAlarms
from benchmarks.accuracy.counts import Counts
from benchmarks.accuracy.learnt_detector import Learnt
from benchmarks.accuracy.methods import METHODS, UNTRAINED
from benchmarks.accuracy.outcome import Outcome
from benchmarks.accuracy.real_path import DEFAULTS, SCHEMES, detectors, untrained, with_seed
from benchmarks.accuracy.scenarios import SCENARIOS, Scenario, trial
from benchmarks.simulator import KINDS, MachineSettings
from edge_runtime.errors import RecordingError
from training.pipeline import train
from training.recordings import Recording

OURS = METHODS[0]


@pytest.fixture
def few_epochs(monkeypatch):
    """The product's defaults, learnt for a moment only."""
    quick = replace(DEFAULTS, epochs=3)
    monkeypatch.setattr(methods, "with_seed", lambda seed: with_seed(seed, quick))


def test_adbench_is_cut_by_its_protocol(tmp_path):
    rng = np.random.default_rng(1)
    rows, labels = rng.normal(size=(100, 3)), np.arange(100) < 10
    np.savez(tmp_path / "1_small.npz", X=rows, y=labels.astype(int))
    (split,) = adbench.splits(tmp_path)
    order = np.random.default_rng(0).permutation(np.arange(10, 100))
    np.testing.assert_array_equal(split.normal.values, rows[order[:45]].astype(np.float32))
    assert (split.labels.sum(), len(split.labels)) == (10, 55)


def test_the_untrained_network_is_the_one_that_training_starts_from():
    rows = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    recording = Recording("rows", ("a", "b", "c"), rows)
    settings = with_seed(7, replace(DEFAULTS, epochs=2))
    trained, random = train(recording, settings), train(recording, untrained(settings))
    again = train(recording, untrained(settings))
    kernels = [run.folder.network.encoder[0].kernel for run in (trained, random, again)]
    assert random.history == []
    np.testing.assert_array_equal(kernels[1], kernels[2])
    assert not np.array_equal(kernels[0], kernels[1])
    assert set(detectors(recording, untrained(settings))) == set(SCHEMES)


@pytest.mark.usefixtures("few_epochs")
def test_a_recording_that_is_refused_never_alarms_and_is_named():
    recording = Recording("still", ("a",), np.ones((100, 1), np.float32))
    learnt = methods.methods(recording, seed=0)
    assert [one.name for one in learnt] == list(METHODS)
    assert all((one.relative_scores(recording) == 0).all() for one in learnt)
    found = Learnt.of([("still", one) for one in learnt])
    assert found.choices == ()
    assert found.troubles[0].startswith("still, all methods: refused: ")
    assert "still, all methods" in found.note


def outcome(name, rows):
    return Outcome(name, OURS, 0, Counts(hits=rows), FalseAlarms())


def test_published_figures_stand_beside_the_whole_collection_alone():
    part = [outcome(f"valve1/{number}", 700) for number in range(16)]
    whole = [outcome(f"valve1/{number}", 700) for number in range(33)] + [outcome("other/1", 701)]
    assert not any("published" in row[0] for row in skab.table(part))
    assert "Conv-AE (published)" in [row[0] for row in skab.table(whole)]


def plant(rows, seed):
    """Return readings of three sensors that hang together."""
    rng = np.random.default_rng(seed)
    driver = rng.normal(size=(rows, 1))
    return (driver @ [[1.0, 2.0, -1.0]] + 0.3 * rng.normal(size=(rows, 3))).astype(np.float32)


def write_rows(path, rows, labels, times=None):
    names = [*(["timestamp"] if times else []), "a", "b", "c"][: rows.shape[1] + bool(times)]
    lines = [",".join([*names, "anomaly"])]
    for number, row in enumerate(rows.tolist()):
        lines.append(",".join([*([times[number]] if times else []), *map(str, row), str(int(labels[number]))]))
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.usefixtures("few_epochs")
def test_skab_counts_the_rows_after_those_learnt(tmp_path):
    for folder, size in (("valve1", 6.0), ("anomaly-free", 0.0)):
        (tmp_path / folder).mkdir()
        rows = plant(1150, seed=int(size))
        rows[900:] += size
        write_rows(tmp_path / folder / "0.csv", rows, np.arange(1150) >= 900)
    faulty, normal = (tmp_path / folder / "0.csv" for folder in ("valve1", "anomaly-free"))
    header, *lines = faulty.read_text().splitlines()
    faulty.write_text("\n".join([f"{header},changepoint", *(f"{line},0" for line in lines)]))
    normal.write_text("\n".join(line.rpartition(",")[0] for line in normal.read_text().splitlines()))
    found = skab.measure(skab.recordings(tmp_path), [0])
    by_method = {(one.recording, one.method): one for one in found.figures}
    assert {method for _, method in by_method} == {*METHODS, skab.ALWAYS}
    for (name, method), one in by_method.items():
        assert one.counts.rows == 750
        assert one.has_anomalies == name.startswith("valve1")
        assert (one.promised_far == 1.0) == (method == skab.ALWAYS)
    assert by_method["valve1/0", skab.ALWAYS].false_alarms == FalseAlarms(1, 500.0)
    assert by_method["valve1/0", OURS].counts.mar < 0.2
    assert found.is_whole is False
    titles = [row[0] for row in found.tables[0][1]]
    assert titles == ["method", *METHODS, skab.ALWAYS]


def write_process(folder):
    write_rows(folder / "train.csv", plant(500, 0), np.zeros(500))
    write_rows(folder / "normal.csv", plant(300, 1), np.zeros(300))
    for number, size in ((1, 6.0), (3, 0.0)):
        rows = plant(400, 10 + number)
        rows[tep.FAULT_START :, 0] += size
        write_rows(folder / f"fault{number:02d}.csv", rows, np.arange(400) >= tep.FAULT_START)


@pytest.mark.usefixtures("few_epochs")
def test_tep_counts_faults_from_row_160_on_and_false_alarms_before(tmp_path):
    write_process(tmp_path)
    found = tep.measure(tep.process(tmp_path), [0, 1])
    assert len(found.figures) == 2 * len(METHODS)
    for one in found.figures:
        assert set(one.fdr) == {1, 3}
        # 160 rows before each of two faults and 300 normal ones, 3 minutes each.
        assert one.false_alarms.normal_s == (2 * 160 + 300) * 180
        assert one.far == pytest.approx((one.fault_far * 320 + one.run_far * 300) / 620)
        assert one.matched_fdr[3] < 0.2
        assert one.mean_fdr(matched=False, without=(3,)) == one.fdr[1]
    mine = next(one for one in found.figures if one.method == OURS)
    assert mine.fdr[1] > 0.9
    assert mine.matched_fdr[1] > 0.9
    assert 0 < mine.promised_far < 1


def test_a_folder_that_is_not_the_process_is_refused(tmp_path):
    write_rows(tmp_path / "train.csv", plant(10, 0), np.zeros(10))
    with pytest.raises(RecordingError, match=r"Expected train\.csv, normal\.csv.* Received: train"):
        tep.process(tmp_path)


def write_series(folder, name, shift, rows=600):
    values = np.random.default_rng(3).normal(10.0, 1.0, rows)
    labels = np.zeros(rows, bool)
    labels[300:360] = True
    values[300:330] += shift
    times = [str(np.datetime64("2020-01-01T00:00:00") + 300 * row).replace("T", " ") for row in range(rows)]
    (folder / "kind").mkdir(exist_ok=True)
    write_rows(folder / "kind" / f"{name}.csv", values[:, None], labels, times)


@pytest.mark.usefixtures("few_epochs")
def test_nab_is_learnt_from_its_probationary_period_and_scored_after_it(tmp_path):
    write_series(tmp_path, "jump", 30.0)
    write_series(tmp_path, "dip", -30.0)
    found = nab.measure(nab.recordings(tmp_path), [0])
    assert len(found.figures) == 2 * len(METHODS)
    for one in found.figures:
        assert one.outcome.counts.rows == 600 - 90
        assert one.outcome.counts.hits + one.outcome.counts.missed == 60
        assert one.windows == 1
        assert one.outcome.false_alarms.normal_s == 450 * 300
    ours = {one.method: one for one in found.summary}["saelite float32"]
    assert ours.windows_hit == (1.0,)
    # The scale follows a single sensor, so the end of an hour of fault counts for less than its start.
    assert ours.roc_auc[0] > 0.8
    # Found at once: next to nothing is lost on the place in the window.
    assert ours.alarm_score[0] > 90
    assert ours.standard_score[0] >= ours.own_score[0]
    assert not any("published" in row[0] for row in found.tables[0][1])


SMALL = MachineSettings(rows=1600, sensors=4, drivers=2)


def test_a_trial_learns_before_the_faults_and_every_episode_is_labelled():
    one = trial("small", Scenario(SMALL), seed=0)
    assert len(one.train.values) == len(one.normal.values) == 800
    assert set(one.faulty) == set(KINDS)
    for recording in one.faulty.values():
        starts = np.flatnonzero(np.diff(recording.labels.astype(int)) == 1)
        assert len(starts) == 8
        assert recording.labels.mean() == pytest.approx(0.25)
        unlabelled = ~recording.labels
        np.testing.assert_array_equal(recording.values[unlabelled], one.normal.values[unlabelled])


@pytest.mark.usefixtures("few_epochs")
def test_machines_are_measured_at_their_own_and_at_a_matched_limit():
    found = machines.measure(
        [0], scenarios={"plain": Scenario(SMALL), "standstill": Scenario(replace(SMALL, standstill=0.2))}
    )
    assert len(found.figures) == 2 * len(METHODS)
    for one in found.figures:
        assert set(one.matched) == set(one.detected) == set(KINDS)
        assert one.false_alarms.normal_s == 800 * 60
    plain = {one.method: one for one in found.figures if one.scenario == "plain"}
    # A sensor that reads 0 is seen by all that look at the distance from the usual.
    assert plain[OURS].matched["dropout"] > 0.5
    assert plain["Mahalanobis"].roc_auc["dropout"] > 0.8
    assert [title for title, _ in found.tables] == [
        "All faults:", "plain, detected at 1% FAR:", "standstill, detected at 1% FAR:"
    ]  # fmt: skip


def test_scenarios_are_what_they_are_called():
    assert list(SCENARIOS) == [
        "plain", "three modes", "three modes, season", "drift", "three modes, drift", "standstill", "faulty minutes",
    ]  # fmt: skip
    assert all(one.settings.rows / one.settings.rate_hz == 14 * DAY_S for one in SCENARIOS.values())


def test_faulty_minutes_are_learnt_and_nothing_else_differs():
    clean, spoilt = (trial("small", Scenario(SMALL, share), seed=0) for share in (0.0, 0.05))
    assert (clean.train.values != spoilt.train.values).any(axis=1).mean() == pytest.approx(0.05, abs=0.01)
    np.testing.assert_array_equal(clean.normal.values, spoilt.normal.values)


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
    written = json.loads((tmp_path / "out.json").read_text())
    figures = {(one["recording"], one["method"]): one for one in written["figures"]}
    assert written["recipe"]["head"] == DEFAULTS.head
    assert {one["recording"] for one in written["choices"]} == {"numbers", "words", "quiet"}
    assert f"Heads chosen: {written['choices'][0]['head']} " in call.stdout
    assert {method for _, method in figures} == set(METHODS)
    for name in ("numbers", "words"):
        one = figures[name, OURS]
        assert sum(one["counts"].values()) == 500
        assert one["counts"]["hits"] > 60
        assert one["roc_auc"] > 0.9
    assert figures["quiet", OURS]["roc_auc"] is None
    assert figures["quiet", UNTRAINED]["counts"]["hits"] == 0
    assert "numbers" in call.stdout
    assert " 300 " in call.stdout


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


@pytest.mark.parametrize(
    "options",
    [["--csv", "."], ["--label", "state"], ["--skab", ".", "--csv", "."], ["--machines", "--tep", "."],
     ["--nab", ".", "--label", "state"], ["--machines", "--fit-times"], []],
)  # fmt: skip
def test_one_collection_is_named(saelite, options):
    assert saelite("bench", "accuracy", *options).returncode == 2


@pytest.mark.parametrize("read", [skab.recordings, adbench.splits, tep.process, nab.recordings])
def test_a_folder_without_the_collection_is_refused(read, tmp_path):
    with pytest.raises(RecordingError, match="Expected"):
        read(tmp_path)


@pytest.mark.realdata
def test_a_file_of_skab_is_learnt_exported_and_scored(realdata):
    found = [one for one in skab.recordings(realdata / "skab") if one.name == "valve1/7"]
    results = {result.method: result.counts for result in skab.measure(found, [0]).figures}
    assert results[OURS].f1 > results[skab.ALWAYS].f1


@pytest.mark.realdata
def test_the_tennessee_eastman_process_is_learnt_and_its_plain_faults_found(realdata):
    found = tep.process(realdata / "tep")
    assert len(found.train.sensors) == 52
    (ours, *_) = tep.measure(found, [0]).figures
    assert min(ours.matched_fdr[fault] for fault in (1, 2, 6)) > 0.9


@pytest.mark.realdata
def test_nab_is_read_with_its_windows(realdata):
    found = {one.name: one for one in nab.recordings(realdata / "nab")}
    assert len(found) == 17
    assert found["realAWSCloudwatch/ec2_cpu_utilization_24ae8d"].labels.sum() == 402
