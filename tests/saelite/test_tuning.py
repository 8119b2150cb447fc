"""Search and resume on the command line: what was done is kept, what was killed goes on."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from machines import SENSORS, pump_rows, write_csv

from edge_runtime.errors import UsageError
from edge_runtime.model_file.container import read_model_file
from training.recordings import Recording
from training.settings import DetectorSettings
from training.tuning import tune


@pytest.fixture
def pump(tmp_path):
    return write_csv(tmp_path / "pump.csv", pump_rows(600))


def test_a_search_goes_on_from_its_file(saelite, pump, tmp_path):
    options = ("tune", pump, "--storage", tmp_path / "s.sqlite", "--epochs", 3, "--trials")
    first = saelite(*options, 1)
    second = saelite(*options, 2)
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert len(first.stdout.splitlines()) + 1 == len(second.stdout.splitlines())
    assert "saelite train" in second.stdout.splitlines()[-1]


def test_printed_line_trains_what_was_found(saelite, tmp_path):
    """Shell quotes, chosen rows and columns, fixed and found settings: the run exported is the trial again."""
    import optuna

    rows = pump_rows(700)
    rows[5, 2] = np.nan
    write_csv(tmp_path / "my pump.csv", rows, ["flow", "inlet pressure", "current", "vibration"])
    fixed = ["--rows", "0%:80%", "--exclude", "inlet pressure", "--on-missing", "hold", "--only-when", "flow > 25"]
    fixed += ["--epochs", 4, "--learning-rate", 0.003, "--no-decay", "--hidden", "", "--seed", 3]
    found = saelite("tune", "my pump.csv", "--storage", "s.sqlite", "--trials", 3, *fixed)
    assert found.returncode == 0, found.stderr
    line = found.stdout.splitlines()[-1].replace("saelite", f"{sys.executable} -m saelite", 1)
    trained = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert trained.returncode == 0, line + trained.stderr
    (run,) = (tmp_path / "runs").iterdir()
    assert saelite("export", run, "--quantize", "float32", "-o", "pump.tflite").returncode == 0
    best = optuna.load_study(study_name="saelite", storage=f"sqlite:///{tmp_path / 's.sqlite'}").best_value
    assert read_model_file(tmp_path / "pump.tflite").manifest.tried[0].detection == best


def test_first_trial_is_what_training_does_by_itself(tmp_path):
    recording = Recording("pump", SENSORS, pump_rows(400))
    base = DetectorSettings(epochs=0)
    (trial,) = tune(recording, base, tmp_path / "s.sqlite", 1, lambda _: 0.5)
    assert (trial.settings, trial.score) == (base, 0.5)


def test_a_search_with_other_options_is_refused(tmp_path):
    recording, storage = Recording("pump", SENSORS, pump_rows(400)), tmp_path / "s.sqlite"
    tune(recording, DetectorSettings(epochs=0), storage, 1, lambda _: 0.5)
    for changed, options in ((recording, {"penalty": "l1"}), (recording.without(["flow"]), {})):
        with pytest.raises(UsageError, match="search with other options"):
            tune(changed, DetectorSettings(epochs=0, **options), storage, 2, lambda _: 0.5)


def test_a_search_on_another_recording_is_refused(saelite, pump, tmp_path):
    options = ("--storage", tmp_path / "s.sqlite", "--epochs", 2, "--trials", 1)
    saelite("tune", pump, *options)
    other = saelite("tune", write_csv(tmp_path / "other.csv", pump_rows(600, seed=1)), *options)
    assert other.returncode == 2
    assert "another recording" in other.stderr


def test_a_killed_training_goes_on_and_ends_with_the_same_weights(saelite, pump, tmp_path):
    options = ("train", pump, "--epochs", 400, "--seed", 3)
    whole = saelite(*options, "-o", tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    checkpoint = tmp_path / ".killed.checkpoint.npz"
    command = [sys.executable, "-m", "saelite", *map(str, options), "-o", str(tmp_path / "killed")]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed").exists()
    assert checkpoint.exists()
    resumed = saelite(*options, "-o", tmp_path / "killed", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert not checkpoint.exists()
    with np.load(tmp_path / "whole" / "network.npz") as one, np.load(tmp_path / "killed" / "network.npz") as other:
        for name in one.files:
            np.testing.assert_array_equal(one[name], other[name])


def test_report_and_tensorboard_are_written_on_request(saelite, pump, tmp_path):
    result = saelite("train", pump, "--epochs", 3, "-o", "run", "--report", "report.html", "--tensorboard", "curves")
    assert result.returncode == 0, result.stderr
    page = (tmp_path / "report.html").read_text()
    assert "What did it learn?" in page
    assert list((tmp_path / "curves").glob("events*"))
