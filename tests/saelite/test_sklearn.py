"""The scikit-learn estimator: its own checks, a pipeline, and the file it exports."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from edge_runtime import Detector
from edge_runtime.errors import UsageError
from saelite.sklearn import SparseAutoencoderDetector
from training.settings import DetectorSettings

SMALL = {"code_size": 6, "epochs": 3, "random_state": 0}


@parametrize_with_checks([SparseAutoencoderDetector(**SMALL)])
def test_scikit_learn_accepts_it(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    normal = rng.normal(size=(400, 2)) @ rng.normal(size=(2, 5)) + 0.1 * rng.normal(size=(400, 5)) + 10.0
    odd = normal[:40] + rng.normal(size=(40, 5))
    return normal, odd


def test_outliers_score_lower(rows):
    normal, odd = rows
    detector = SparseAutoencoderDetector(random_state=0).fit(normal[:300])
    scores = np.concatenate([detector.score_samples(normal[300:]), detector.score_samples(odd)])
    assert roc_auc_score(np.repeat([1, 0], [100, 40]), scores) > 0.95


def test_it_ends_a_pipeline(rows):
    normal, odd = rows
    pipeline = make_pipeline(RobustScaler(), SparseAutoencoderDetector(random_state=0)).fit(normal)
    assert (pipeline.predict(odd) == -1).mean() > (pipeline.predict(normal) == -1).mean()


def test_exported_file_ranks_as_the_estimator_does_and_alarms_above_one(rows, tmp_path):
    normal, odd = rows
    detector = SparseAutoencoderDetector(hidden=(8,), random_state=0, contamination=0.1).fit(normal)
    detector.export(tmp_path / "pump.tflite", "float32")
    device = Detector.load(tmp_path / "pump.tflite")
    every = np.concatenate([normal, odd])
    scores = device.score_many(every[:, None])
    ratios = scores / -detector.score_samples(every)
    np.testing.assert_allclose(ratios, np.median(ratios), rtol=1e-2)
    assert device.threshold == 1.0
    assert np.mean(scores[: len(normal)] > 1) == pytest.approx(0.1, abs=0.05)
    assert np.mean(scores[len(normal) :] > 1) > 0.9
    assert device.manifest.threshold.budget == "0.1/reading"


def test_parameters_are_the_options_of_training_with_their_defaults():
    parameters = SparseAutoencoderDetector().get_params()
    shared = {name: value for name, value in parameters.items() if name not in ("contamination", "random_state")}
    assert shared == {name: getattr(DetectorSettings, name) for name in shared}
    assert {"code_size", "hidden", "rho", "alpha", "penalty", "decay", "head", "epochs"} <= set(shared)
    assert "learning_rate : float" in SparseAutoencoderDetector.__doc__
    with pytest.raises(TypeError, match="unknown parameters: window"):
        SparseAutoencoderDetector(window=4)


@pytest.mark.parametrize("wrong", [{"head": "best"}, {"contamination": 0.0}])
def test_parameters_that_cannot_be_meant_are_refused(rows, wrong):
    with pytest.raises(UsageError, match="Received"):
        SparseAutoencoderDetector(**wrong).fit(rows[0])
