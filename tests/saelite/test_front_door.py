"""`import saelite`: light, lazy, typed, and enough for the whole loop."""

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from machines import SENSORS, pump_rows, write_csv

import saelite
from edge_runtime.errors import RecordingError, UsageError
from training.recordings import read_recording
from training.run_folder import read_run_folder
from training.settings import DetectorSettings

ROOT = Path(__file__).parents[2]
DAY = np.datetime64("2026-01-05T00:00:00", "us")


def in_a_process(code):
    """Run code in a fresh process; return the JSON it prints."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout.splitlines()[-1])


def test_import_loads_nothing_that_is_not_asked_for():
    code = "import sys, json; had = set(sys.modules); import saelite; print(json.dumps([*set(sys.modules) - had]))"
    loaded = set(in_a_process(code))
    assert "numpy" not in loaded
    assert {name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names} == {"saelite"}


def test_detector_loads_what_the_device_has_and_no_more():
    code = "import sys, json; {}; print(json.dumps(sorted(sys.modules)))"
    here, there = (in_a_process(code.format(f"from {home} import Detector")) for home in ("saelite", "edge_runtime"))
    assert set(here) - set(there) == {"saelite"}


def test_every_name_is_there_and_listed():
    for name in saelite.__all__:
        assert getattr(saelite, name) is not None
        assert name in dir(saelite)
    assert saelite.Detector is __import__("edge_runtime").Detector
    assert saelite.SparseLayer is __import__("training").SparseLayer
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = saelite.nothing


def test_name_that_needs_a_missing_package_says_what_to_install():
    code = """
import json, sys
sys.modules["tensorflow"] = sys.modules["keras"] = sys.modules["sklearn"] = None
import saelite
messages = []
for name in ("Detector", "SparseLayer", "SparseAutoencoderDetector"):
    try:
        messages.append(getattr(saelite, name).__name__)
    except saelite.SaeliteError as error:
        messages.append(str(error))
print(json.dumps(messages))
"""
    there, layer, estimator = in_a_process(code)
    assert there == "Detector"
    assert "saelite.SparseLayer needs it. Install it with: pip install 'saelite[workstation]'" in layer
    assert "sklearn is not installed" in estimator


def test_export_names_the_extra_that_its_source_needs(tmp_path):
    (tmp_path / "pump.keras").touch()
    code = f"""
import json, sys
import saelite
messages = []
for package, source in (("tensorflow", "pump.keras"), ("tensorflow", "absent"), ("litert_quantizer", "pump.keras")):
    sys.modules[package] = None
    try:
        saelite.export({str(tmp_path)!r} + "/" + source, "pump.tflite")
    except saelite.SaeliteError as error:
        messages.append(str(error))
print(json.dumps(messages))
"""
    model, absent, bare = in_a_process(code)
    assert model == (
        "tensorflow is not installed, and `saelite export pump.keras` needs it. Install it with: "
        "pip install 'saelite[workstation]'"
    )
    assert "no such file or folder" in absent
    assert "`saelite export` needs it. Install it with: pip install 'saelite[export]'" in bare


def test_commands_of_the_same_names_leave_the_functions_alone():
    import saelite.cli

    assert [inspect.isfunction(one) for one in (saelite.train, saelite.export)] == [True, True]


def test_type_checkers_see_the_names(tmp_path):
    (tmp_path / "typed.py").write_text(
        "import saelite\nreveal_type(saelite.Detector.load)\nreveal_type(saelite.train)\nsaelite.nothing\n"
        'saelite.train("normal.csv", rho=0.1, hidden=(64,))\nsaelite.train("normal.csv", rho="high")\n'
    )
    command = [sys.executable, "-m", "mypy", "--follow-imports=silent", "--cache-dir", str(tmp_path), "typed.py"]
    pytest.importorskip("mypy")
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env=os.environ | {"MYPYPATH": str(ROOT)}, check=False
    )
    assert "edge_runtime.inference.detector.Detector" in done.stdout
    assert "training.trained_run.TrainedRun" in done.stdout
    assert [line.split(": ", 2)[:2] for line in done.stdout.splitlines() if "error" in line and ".py" in line] == [
        ["typed.py:4", "error"], ["typed.py:6", "error"]
    ], "a name that is not there, and a setting of the wrong type"  # fmt: skip


def test_help_and_signature_show_every_setting():
    parameters = inspect.signature(saelite.train).parameters
    assert parameters["rho"].default == DetectorSettings.rho
    assert parameters["decay"].kind is inspect.Parameter.KEYWORD_ONLY
    assert "    rho : float, default 0.05\n        Target mean activation" in saelite.train.__doc__
    with pytest.raises(UsageError, match="rho: expected a number above 0 and below 1"):
        saelite.train("normal.csv", rho=2)


def test_the_whole_loop_in_memory(tmp_path):
    run = saelite.train(saelite.read_recording(pump_rows(800), name="pump"), epochs=2, window=3)
    assert repr(run).startswith("pump: 4 sensors, window 3")
    exported = saelite.export(run, tmp_path / "pump.tflite", quantize="float32", false_alarms="0.01/reading")
    assert str(exported).startswith(f"{tmp_path / 'pump.tflite'}: ")
    detector = saelite.Detector.load(tmp_path / "pump.tflite")
    assert detector.sensor_names == ("sensor0", "sensor1", "sensor2", "sensor3")
    normal = saelite.read_recording(pump_rows(300, seed=3))
    windows = normal.windows(detector.spec)
    assert windows.shape == (298, 3, 4)
    assert detector.score_many(windows).shape == (298,)
    folder = run.save(tmp_path / "run")
    again = saelite.export(folder, tmp_path / "again.tflite", quantize="float32", false_alarms="0.01/reading")
    assert again.model.flatbuffer == exported.model.flatbuffer
    assert read_run_folder(folder).name == again.manifest.name == "pump"


def test_recording_scored_from_python_is_what_the_command_writes(saelite, model_path, tmp_path):
    import saelite as front

    rows = pump_rows(300, seed=5)
    rows[100:120, 1] += 100_000
    times, label = np.arange(300) + (np.arange(300) >= 200) * 1000, (np.arange(300) // 10 == 10).astype(int)
    path = write_csv(tmp_path / "log.csv", rows, time=times, anomaly=label)
    done = saelite("score", model_path, path, "--rows", "50:", "--explain", "-o", "scores.csv")
    table = pl.read_csv(tmp_path / "scores.csv")
    detector = front.Detector.load(model_path)
    frame = pl.DataFrame({"time": times, **dict(zip(SENSORS, rows.T, strict=True)), "anomaly": label})
    for recording in (path, frame):
        scored = front.score(detector, recording, rows="50:", explain=True)
        assert str(scored) == done.stdout.strip()
        assert scored.rows.tolist() == table["row"].to_list()
        assert scored.anomalies.tolist() == [bool(one) for one in table["anomaly"]]
        assert scored.alarms.tolist() == [bool(one) for one in table["alarm"]]
        np.testing.assert_allclose(scored.scores, table["score"].to_numpy(), rtol=1e-4)
        np.testing.assert_allclose(scored.contributions[:, 1], table["contribution_pressure"].to_numpy(), rtol=1e-3)
        assert (len(scored), scored.labels.sum(), len(scored.events)) == (248, 10, 2)


def test_untrained_run_can_be_saved(tmp_path):
    run = saelite.train(pump_rows(300), epochs=0)
    assert "not trained" in str(run)
    assert (run.save(tmp_path / "run") / "history.csv").read_text() == (
        "epoch,loss,validation_loss,penalty,mean_activation\n"
    )


def test_frames_and_arrays_are_read_as_the_file_is(tmp_path):
    rows = pump_rows(50)
    minutes = DAY + np.arange(50) * np.timedelta64(60, "s")
    minutes[30:] += np.timedelta64(3600, "s")
    texts = [str(time) for time in minutes]
    path = write_csv(tmp_path / "log.csv", rows, anomaly=[0] * 49 + [1], time=texts)
    of_file = saelite.read_recording(path)
    columns = dict(zip(SENSORS, rows.T, strict=True)) | {"anomaly": np.arange(50) == 49}
    timed = pl.DataFrame({"time": minutes, **columns})
    # What pandas offers: an index of times beside the columns.
    series = {name: SimpleNamespace(to_numpy=lambda values=values: values) for name, values in columns.items()}
    for frame in (timed, Indexed(series, minutes)):
        recording = saelite.read_recording(frame)
        assert (recording.sensors, recording.breaks, recording.rate_hz) == (SENSORS, (30,), of_file.rate_hz)
        np.testing.assert_array_equal(recording.values, of_file.values)
        np.testing.assert_array_equal(recording.labels, of_file.labels)
    of_array = saelite.read_recording(rows)
    assert of_array.sensors == ("sensor0", "sensor1", "sensor2", "sensor3")
    np.testing.assert_array_equal(of_array.values, of_file.values)


class Indexed(dict):
    """A frame with an index, as pandas has them."""

    def __init__(self, columns, index):
        super().__init__(columns)
        self.columns, self.index = list(columns), SimpleNamespace(to_numpy=lambda: index, dtype=index.dtype)

    def to_numpy(self):
        raise AssertionError("columns of several types are taken one by one")


def test_pandas_frame_is_a_recording():
    pandas = pytest.importorskip("pandas")
    index = pandas.date_range("2026-01-01", periods=4, freq="min", tz="Europe/Berlin")
    frame = pandas.DataFrame({"flow": pandas.array([1, None, 3, 4], "Int64"), "state": list("abcd")}, index)
    recording = saelite.read_recording(frame, exclude=["state"], on_missing="hold")
    assert recording.values.ravel().tolist() == [1, 1, 3, 4]
    assert recording.rate_hz == pytest.approx(1 / 60)


def test_rows_columns_and_conditions_choose_from_a_frame():
    frame = pl.DataFrame({"flow": np.arange(10.0), "heat": [None, *range(9)], "word": list("abcdefghij")})
    read = saelite.read_recording
    chosen = read(frame, rows="20%:8", sensors="flow", only_when="flow > 3", name=" pump ")
    assert (chosen.values.ravel().tolist(), chosen.name, chosen.off) == ([4, 5, 6, 7], "pump", 2)
    assert read(frame, exclude=["word"], on_missing="skip").skipped == 1
    with pytest.raises(RecordingError, match="column 'word': expected numbers"):
        read(frame)
    with pytest.raises(UsageError, match="Cut it by time yourself"):
        read(frame, rows="0h:1h")
    with pytest.raises(RecordingError, match="lacks sensor9"):
        read(np.ones((4, 2))).windows(SimpleNamespace(sensor_names=("sensor9",)))


@pytest.mark.parametrize("source", ["text", [["a"]], np.zeros((2, 2, 2)), {"flow": [1.0]}, None])
def test_what_is_not_a_recording_is_refused(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecordingError, match=r"[Ee]xpected"):
        saelite.read_recording(source)


def test_same_frame_has_the_same_digest_and_another_a_different_one():
    one, same, other = (read_recording(pl.DataFrame({"flow": [1.0, 2.0, end]})) for end in (3.0, 3.0, 4.0))
    assert one.sha256 == same.sha256 != other.sha256
