"""`saelite adapt` as a command: on a device, from a recording and from a history, signed and undone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import run_saelite
from machines import write_csv
from sites import PATH, made, site_rows

from edge_runtime.history.history import History
from edge_runtime.history.records import Mark
from edge_runtime.inference.detector import Detector
from edge_runtime.model_file.container import parse_model_file
from edge_runtime.model_file.signature import write_key_pair
from edge_runtime.signal.windows import sliding_windows

ROOT = Path(__file__).parents[2]
# What a device does not have; found and not loaded would be as bad.
ADAPT_ON_A_DEVICE = """
import sys

class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"tensorflow", "keras", "scipy", "sklearn", "pandas", "polars", "export"}:
            raise ModuleNotFoundError(f"behind the wall: {name}")

sys.meta_path.insert(0, Wall())
from saelite.cli import main
main(sys.argv[1:], standalone_mode=False)
print("loaded", sorted({name.partition(".")[0] for name in sys.modules} & {"tensorflow", "scipy", "sklearn", "export"}))
"""


@pytest.fixture
def site(tmp_path):
    """A folder with a model file and a recording of the new site."""
    (tmp_path / "pump.tflite").write_bytes(made("deep"))
    write_csv(tmp_path / "normal.csv", site_rows(1_500), time=range(1_500))
    return tmp_path


def far(path, rows):
    windows = np.ascontiguousarray(sliding_windows(rows, 3))
    return float(np.mean(Detector.load(path).score_many(windows) > 1))


@pytest.mark.parametrize("head", ["deep", "codebook", "modes"])
def test_device_without_scipy_scikit_learn_and_tensorflow_adapts(tmp_path, head):
    (tmp_path / "pump.tflite").write_bytes(made(head))
    write_csv(tmp_path / "normal.csv", site_rows(1_000), time=range(1_000))
    command = [
        sys.executable,
        "-c",
        ADAPT_ON_A_DEVICE,
        "adapt",
        "pump.tflite",
        "--normal",
        "normal.csv",
        "-o",
        "site.tflite",
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "loaded []" in done.stdout
    assert "adapted from pump version 0" in done.stdout
    assert far(tmp_path / "site.tflite", site_rows(500, seed=9)) < 0.02 < far(tmp_path / "pump.tflite", site_rows(500))


def test_summary_says_what_an_export_says_and_undo_gives_the_file_back(site):
    done = run_saelite("adapt", "pump.tflite", "--normal", "normal.csv", "-o", "site.tflite", cwd=site)
    assert done.returncode == 0, done.stderr
    for text in ("int8 for cpu", "head deep", "expected false alarms", "run in ai-edge-litert", "1,498 windows"):
        assert text in done.stdout
    assert "cannot promise 1/week" in done.stderr
    assert run_saelite("verify", "site.tflite", cwd=site).stdout.endswith("good\n")
    assert run_saelite("adapt", "site.tflite", "--undo", cwd=site).returncode == 0
    assert (site / "site.tflite").read_bytes() == made("deep")
    again = run_saelite("adapt", "site.tflite", "--undo", cwd=site)
    assert again.returncode == 2
    assert "was not adapted" in again.stderr


def test_part_of_a_recording_and_another_budget(site):
    options = ("--rows", "0:400", "--false-alarms", "1/hour", "-o", "site.tflite")
    assert run_saelite("adapt", "pump.tflite", "--normal", "normal.csv", *options, cwd=site).returncode == 0
    threshold = parse_model_file((site / "site.tflite").read_bytes(), PATH).manifest.threshold
    assert 390 < threshold.n_windows <= 398
    assert threshold.budget == "1/hour"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-o", "site.tflite"), "what is normal? Expected --normal RECORDING, --history FILE or both"),
        (("--normal", "normal.csv"), "where to? Expected -o FILE"),
        (("--normal", "short.csv", "-o", "site.tflite"), "too few normal readings to adapt to"),
        (("--normal", "other.csv", "-o", "site.tflite"), "lacks 4 of the model's 4 sensors"),
        (("--normal", "nothing.csv", "-o", "site.tflite"), "no such file: nothing.csv"),
        (("--normal", "normal.csv", "--false-alarms", "few", "-o", "site.tflite"), "--false-alarms: expected a number"),
        (("--history", "nothing.db", "-o", "site.tflite"), "nothing.db"),
    ],
)
def test_what_cannot_be_adapted_is_said_and_nothing_is_written(site, options, message):
    write_csv(site / "short.csv", site_rows(5), time=range(5))
    (site / "other.csv").write_text("time,x\n0,1\n1,2\n")
    done = run_saelite("adapt", "pump.tflite", *options, cwd=site)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (site / "site.tflite").exists()


def test_device_signs_and_is_trusted_on_top_of_the_maker(site):
    for name in ("maker", "device"):
        write_key_pair(site / name)
    maker = parse_model_file(made("deep"), PATH).signed(site / "maker")
    maker.write(site / "pump.tflite")
    trust = ("--trusted-key", "maker.pub", "--device-key", "device.pub")
    made_here = ("--normal", "normal.csv", "--sign", "device", "-o", "site.tflite")
    assert run_saelite("adapt", "pump.tflite", *made_here, *trust, cwd=site).returncode == 0
    assert run_saelite("verify", "site.tflite", *trust, cwd=site).returncode == 0
    alone = run_saelite("verify", "site.tflite", "--trusted-key", "maker.pub", cwd=site)
    assert alone.returncode == 1
    assert "signed by another key" in alone.stderr


@pytest.fixture
def history(site):
    """A machine that is watched with a file of elsewhere: one alarm that ends with the recording's first half."""
    rows = site_rows(3_000)
    (site / "site.tflite").write_bytes(made("deep"))
    done = run_saelite("adapt", "site.tflite", "--normal", "normal.csv", "-o", "site.tflite", cwd=site)
    assert done.returncode == 0, done.stderr
    rows[1_000:1_300, 0] += 40.0
    write_csv(site / "watched.csv", rows, time=range(3_000))
    watch = ("--source", "csv:watched.csv", "--sink", "jsonl:out.jsonl", "--history", "site.db")
    assert run_saelite("run", "site.tflite", *watch, cwd=site).returncode == 0
    return site / "site.db"


def learnt(site):
    """Return the adapted file's windows and the largest flow that it expects, from its centre and scale."""
    manifest = parse_model_file((site / "new.tflite").read_bytes(), PATH).manifest
    return manifest.threshold.n_windows, manifest.spec.preprocessing.scale[0]


def test_history_is_learnt_from_without_real_and_unmarked_alarms_and_with_false_ones(site, history):
    adapt = ("adapt", "site.tflite", "--history", "site.db", "-o", "new.tflite")
    found = {}
    for verdict, text in (("", "nobody marked left out"), ("real", "real alarm"), ("false_alarm", "learnt from")):
        if verdict:
            opened = History.read(history)
            for alarm in opened.alarms():
                opened.mark(alarm.id, Mark(verdict, "a test", alarm.noted_s))
            opened.close()
        done = run_saelite(*adapt, cwd=site)
        assert done.returncode == 0, done.stderr
        assert text in done.stderr
        found[verdict] = learnt(site)
    assert found[""] == found["real"]
    assert found["false_alarm"][0] > found["real"][0] + 250
    assert found["false_alarm"][1] > 2 * found["real"][1]


def test_machine_that_the_history_does_not_know_is_refused(site, history):
    done = run_saelite("adapt", "site.tflite", "--history", history, "--machine", "fan", "-o", "x.tflite", cwd=site)
    assert done.returncode == 2
    assert "expected one of the history's machines: pump. Received: 'fan'" in done.stderr


def test_python_function_returns_what_the_command_prints(site):
    import saelite

    done = saelite.adapt(site / "pump.tflite", site / "normal.csv", site / "site.tflite")
    assert "adapted from pump version 0" in repr(done)
    assert done.manifest.parent.name == "pump"
    assert json.loads(json.dumps(done.adapted.windows)) == 1_498
