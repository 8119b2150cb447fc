"""The comparison with peers: everyone gets the same windows, and scores the right way round."""

import importlib.metadata

import numpy as np
import pytest
from machines import SENSORS, pump_rows, write_csv

from benchmarks.accuracy.fits import Fits
from benchmarks.json_file import read_json
from benchmarks.peers import detectors
from benchmarks.peers.head import peer_head
from benchmarks.peers.peer_worker import LEARNERS, RUNNERS
from benchmarks.peers.sizes import installed_bytes
from benchmarks.peers.task import make_task, read_task
from export.network_parts import network_parts
from training.recordings import Recording

NEEDS = {"pyod_autoencoder": "pyod", "pyod_knn": "pyod", "pyod_ecod": "pyod", "half_space_trees": "river"}


@pytest.mark.parametrize("key", LEARNERS)
@pytest.mark.filterwarnings("ignore")
def test_peer_scores_what_is_far_off_higher(key):
    if key in NEEDS:
        pytest.importorskip(NEEDS[key])
    rng = np.random.default_rng(0)
    causes, mixing = rng.normal(size=(400, 2)), rng.normal(size=(2, 6))
    normal = (causes @ mixing + rng.normal(0, 0.1, (400, 6))).astype(np.float32)
    odd = normal[:50] + np.float32([6, -6, 6, -6, 6, -6])
    scorer = LEARNERS[key](normal)
    assert np.median(scorer.many(odd)) > np.quantile(scorer.many(normal), 0.9)
    alone = float(scorer.one(odd[:1]))
    assert alone > np.quantile(scorer.many(normal), 0.9)
    if key != "pyod_ecod":  # it ranks each window among those it is given with
        assert alone == pytest.approx(float(np.asarray(scorer.many(odd))[0]), rel=1e-3)


def test_components_give_the_reconstruction_error_of_scikit_learn():
    from sklearn.decomposition import PCA

    normal = np.random.default_rng(1).normal(size=(200, 5)).astype(np.float32)
    normal[:, 0] = normal[:, 1]
    model = PCA(0.95, svd_solver="full").fit(normal)
    expected = ((normal - model.inverse_transform(model.transform(normal))) ** 2).sum(axis=1)
    np.testing.assert_allclose(detectors.principal_components(normal).many(normal), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("key", "module"), [("onnx_float32", "onnxruntime"), ("pytorch", "torch")])
def test_other_runtimes_give_the_full_models_scores(trained, tmp_path, key, module):
    pytest.importorskip(module)
    from benchmarks.onnx_files import write_detector

    run = trained.folder
    trained.save(tmp_path / "run")
    if module == "onnxruntime":
        pytest.importorskip("onnx")
        write_detector(run, peer_head(run), tmp_path)
    windows = run.windows.windows[:200]
    expected = peer_head(run).score(network_parts(run.network, run.spec.preprocessing.transform(windows)))
    np.testing.assert_allclose(RUNNERS[key](tmp_path).many(windows), expected, rtol=1e-2)


def test_task_splits_at_the_normal_rows_and_comes_back(trained, tmp_path):
    rows, labels = pump_rows(300), np.arange(300) >= 250
    recording = Recording("pump", SENSORS, rows, labels, (), 0, "0" * 64)
    preprocessing = trained.folder.spec.preprocessing
    task = make_task(recording, 200, preprocessing)
    assert (len(task.normal), len(task.test), int(task.labels.sum())) == (198, 98, 50)
    np.testing.assert_array_equal(task.test[0], preprocessing.transform(rows[None, 200:203]).ravel())
    task.write(tmp_path / "task.npz")
    np.testing.assert_array_equal(read_task(tmp_path / "task.npz").raw_test, task.raw_test)


def test_installed_size_counts_what_a_package_needs_once():
    alone = installed_bytes(["click"])
    assert 100_000 < alone < 5_000_000
    assert installed_bytes(["click", "Click"]) == alone
    assert installed_bytes(["no-such-package"]) == 0
    needed = "numpy" if importlib.metadata.version("numpy") else ""
    assert installed_bytes(["scipy"]) > installed_bytes([needed])


def test_comparison_prints_a_row_for_each_and_names_the_missing(saelite, tmp_path):
    rows = pump_rows(900, seed=3)
    rows[800:, 2] += 2
    write_csv(tmp_path / "log.csv", rows, anomaly=(np.arange(900) >= 800).astype(int))
    short = ("--normal-rows", "500", "--rounds", "1", "--round-s", "0.02")
    result = saelite("bench", "peers", "--recording", "log.csv", *short, "--json", "peers.json")
    assert result.returncode == 0, result.stderr
    for title in ("saelite int8", "IsolationForest", "PCA"):
        assert title in result.stdout
    assert (tmp_path / "peers.json").exists()


def test_both_learn_the_same_rows_and_are_judged_by_the_same(saelite, tmp_path):
    pytest.importorskip("pyod")
    rows = np.random.default_rng(2).normal(size=(300, 4)) @ np.diag([3.0, 2.0, 1.0, 0.5])
    rows[:30] += 20
    np.savez(tmp_path / "1_small.npz", X=rows, y=(np.arange(300) < 30).astype(int))
    done = saelite("bench", "accuracy", "--adbench", ".", "--fit-times", "--json", "fits.json")
    assert done.returncode == 0, done.stderr
    (one,) = read_json(tmp_path / "fits.json", Fits, "this test").sets
    assert (one.name, one.rows) == ("1_small", 135)
    assert min(one.ours_s, one.pyod_s) > 0
    assert min(one.ours_roc_auc, one.pyod_roc_auc) > 0.95
    assert len(done.stdout.splitlines()) == 4
