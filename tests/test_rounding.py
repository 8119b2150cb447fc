"""What rounding to int8 adds to codes and residuals: foretold in training, and found in the file."""

import numpy as np
import pytest

from edge_runtime.detector import Detector
from export.pipeline import ExportSettings, export_run
from training.parts import head_parts
from training.pipeline import DetectorSettings, train
from training.recordings import Recording
from training.rounding import rounding_errors
from training.trainer import TrainingSettings


def barely_trained(head, hidden=(), seed=0):
    """Return a run of 32 codes of three independent causes: most of them nearly repeat another."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(400, 3)) @ rng.normal(size=(3, 6)) + 0.1 * rng.normal(size=(400, 6))
    recording = Recording("toy", tuple("abcdef"), rows.astype(np.float32))
    training = TrainingSettings(epochs=20, seed=seed)
    settings = DetectorSettings(code_size=32, hidden=hidden, head=head, smoothing_span=1, training=training)
    return train(recording, settings)


@pytest.mark.parametrize("hidden", [(), (16,)])
def test_errors_are_as_large_as_those_of_an_int8_file(hidden, tmp_path):
    run = barely_trained("t2x", hidden)
    windows, preprocessing = run.folder.windows.representative, run.folder.spec.preprocessing
    inputs = preprocessing.transform(windows)
    export_run(run.folder, ExportSettings("int8")).write(tmp_path / "model.tflite")
    file_codes = Detector.load(tmp_path / "model.tflite").outputs_many(windows, ("codes",))["codes"]
    found = (file_codes - head_parts(run.model, inputs)["codes"]).std()
    assert rounding_errors(run.model, inputs, preprocessing.limit)["codes"].std() == pytest.approx(found, rel=0.4)


@pytest.mark.parametrize("head", ["t2x", "deep", "joint"])
def test_a_model_with_nearly_collinear_codes_passes_the_gate_as_int8(head):
    parity = export_run(barely_trained(head).folder, ExportSettings("int8")).manifest.parity
    assert parity.score_rank_correlation > 0.95
