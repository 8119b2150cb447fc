"""A fleet from data to models, table and report; and what happens when something goes wrong on the way."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from command_line import run_saelite
from machines import SENSORS, pump_rows, write_csv

import saelite.fleet
from edge_runtime.errors import OutputError, RecordingError, UsageError
from edge_runtime.inference.detector import Detector
from edge_runtime.model_file.container import read_model_file
from saelite.fleet.fleet import Fleet
from saelite.fleet.fleet_folder import FleetFolder
from training.common_model import read_common_model

pl = pytest.importorskip("polars")
PUMPS = 6
SMALL = {"preset": "tiny", "epochs": 2, "workers": 0}
OPTIONS = ("--preset", "tiny", "--epochs", "2", "--workers", "1")


def write_pump(folder, name, rows):
    times = [str(60 * number) for number in range(len(rows))]
    return write_csv(folder / f"{name}.csv", rows, time=times)


@pytest.fixture(scope="module")
def plant(tmp_path_factory):
    """Eight pumps: one stands at another level, one has a sensor that is stuck, one file is no recording."""
    folder = tmp_path_factory.mktemp("plant")
    for number in range(PUMPS):
        write_pump(folder, f"pump{number}", pump_rows(240, number, jumps=False))
    other = pump_rows(240, 8, jumps=False)
    other[:, SENSORS.index("pressure")] += 90_000
    write_pump(folder, "unlike", other)
    stuck = pump_rows(240, 9, jumps=False)
    stuck[:, SENSORS.index("current")] = 1.25
    write_pump(folder, "stuck", stuck)
    (folder / "broken.csv").write_text("time,flow,pressure,current,vibration\n0,1,2,three,4\n")
    return folder


@pytest.fixture(scope="module")
def trained(plant, tmp_path_factory):
    """The plant's fleet, trained by the command, which refuses sensors that never move."""
    folder = tmp_path_factory.mktemp("fleets") / "fleet"
    done = run_saelite("fleet", "train", plant, "-o", folder, *OPTIONS, "--constant-policy", "error", cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@pytest.fixture(scope="module")
def fleet(trained):
    return Fleet.read(trained[0])


def outcome_of(fleet, asset):
    return next(one for one in fleet.outcomes if one.asset == asset)


def test_every_asset_has_an_outcome_and_every_good_one_a_model_that_scores(fleet):
    assert [one.asset for one in fleet.outcomes] == ["broken", *(f"pump{n}" for n in range(PUMPS)), "stuck", "unlike"]
    assert {one.asset: one.status for one in fleet.outcomes if one.status != "made"} == {
        "broken": "failed",
        "stuck": "fell back",
    }
    for number in range(PUMPS):
        detector = Detector.load(fleet.model(f"pump{number}"))
        assert detector.manifest.name == f"pump{number}"
        assert np.isfinite(detector.score_many(np.zeros((2, detector.manifest.spec.preprocessing.window, 4)))).all()


def test_bad_recording_is_reported_with_its_reason(fleet):
    one = outcome_of(fleet, "broken")
    assert "broken.csv, line 2: column 'current': expected a number. Received: 'three'" in one.reason
    assert one.figures is None
    assert not fleet.model("broken").exists()


def test_asset_whose_own_fit_is_refused_gets_the_common_model_with_a_scaling_of_its_own(fleet):
    one = outcome_of(fleet, "stuck")
    assert (one.fallback, one.status) == ("common model", "fell back")
    assert "sensors that never move in the training rows: current" in one.reason
    model = read_model_file(fleet.model("stuck"))
    assert (model.manifest.name, model.parent) == ("stuck", b"")
    center = dict(zip(SENSORS, model.manifest.spec.preprocessing.center, strict=True))
    assert center["pressure"] == pytest.approx(pump_rows(240, 9, jumps=False)[:, 1].mean(), rel=1e-3)
    assert model.manifest.spec.preprocessing.rate_hz == pytest.approx(1 / 60)


def test_asset_unlike_all_others_is_found_with_its_sensor(fleet):
    assert max(fleet.unlike, key=lambda asset: fleet.unlike[asset].distance) in ("unlike", "stuck")
    assert fleet.unlike["unlike"].sensors[0] == "pressure"
    assert "pressure stands at" in fleet.unlike["unlike"].because
    assert "current moves by 0, elsewhere by" in fleet.unlike["stuck"].because


def test_table_has_a_row_for_each_asset_with_the_figures_of_its_file(trained, fleet):
    table = pl.read_parquet(trained[0] / "fleet.parquet")
    assert table["asset"].to_list() == [one.asset for one in fleet.outcomes]
    for row in table.filter(pl.col("status") == "made").to_dicts():
        model = read_model_file(fleet.model(row["asset"]))
        manifest = model.manifest
        assert row["head"] == manifest.spec.scoring.head
        assert row["scheme"] == manifest.quantization.scheme
        assert row["promised"] == manifest.threshold.promised
        assert row["alarm_agreement"] == manifest.parity.alarm_agreement
        assert row["bytes"] == len(model.to_bytes())
        assert 0 <= row["measured_share"] < 0.1
        assert row["cpu_s"] > 0
        assert (row["rows"], row["sensors"]) == (240, 4)


def test_measured_false_alarms_are_those_that_score_counts(trained, fleet, plant):
    from saelite.scoring import score

    scored = score(Detector.load(fleet.model("pump3")), plant / "pump3.csv")
    found = outcome_of(fleet, "pump3").figures
    assert found.measured_share == pytest.approx(float(scored.anomalies.mean()), abs=0.02)


def test_command_prints_the_table_and_where_the_report_is(trained):
    folder, printed = trained
    assert f"{folder}: 8 of 9 assets with a model; 1 fell back; 1 failed" in printed
    assert f"report: {folder / 'report.html'}" in printed
    lines = printed.splitlines()
    assert lines[4].startswith("broken")


def test_report_can_be_made_again(trained, tmp_path):
    done = run_saelite("fleet", "report", trained[0], "-o", tmp_path / "page.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "page.html").read_bytes() == (trained[0] / "report.html").read_bytes()


def test_folder_with_work_in_it_is_refused_without_resume(trained, plant, tmp_path):
    done = run_saelite("fleet", "train", plant, "-o", trained[0], *OPTIONS, cwd=tmp_path)
    assert done.returncode == 1
    assert "already holds a fleet. Go on with that (--resume), or choose another folder" in done.stderr


def test_resumed_run_tries_what_failed_and_leaves_the_rest(trained, plant):
    folder = trained[0]
    before = {path: path.stat().st_mtime_ns for path in (folder / "outcomes").iterdir()}
    saelite.fleet.train(plant, folder, resume=True, constant_policy="error", **SMALL)
    again = {path.name for path, made in before.items() if path.stat().st_mtime_ns != made}
    assert again == {"asset=broken.json"}


def test_other_options_are_refused_with_their_names(trained, plant):
    with pytest.raises(OutputError, match=r"begun with other options \(settings\)"):
        saelite.fleet.train(plant, trained[0], resume=True, workers=0, constant_policy="error", epochs=4)


def test_folder_of_something_else_is_left_alone(tmp_path, plant):
    (tmp_path / "photo.jpg").write_bytes(b"")
    with pytest.raises(OutputError, match="exists and is not a fleet"):
        saelite.fleet.train(plant, tmp_path, workers=0)
    assert [one.name for one in tmp_path.iterdir()] == ["photo.jpg"]


def test_folder_that_is_no_fleet_has_no_report(tmp_path):
    with pytest.raises(RecordingError, match="is not a fleet"):
        Fleet.read(tmp_path)


def test_unknown_setting_is_refused(tmp_path):
    with pytest.raises(UsageError, match="unknown settings: epoch"):
        saelite.fleet.train(tmp_path, tmp_path / "fleet", epoch=3)


def test_signed_models_are_signed_here_and_verify(tmp_path):
    pytest.importorskip("cryptography")
    write_pump(tmp_path, "pump", pump_rows(240, 0, jumps=False))
    (tmp_path / "data").mkdir()
    (tmp_path / "pump.csv").rename(tmp_path / "data" / "pump.csv")
    done = run_saelite("keygen", tmp_path / "maker.pem", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    fleet = saelite.fleet.train(
        tmp_path / "data", tmp_path / "fleet", sign=tmp_path / "maker.pem", model_version=7, **SMALL
    )
    model = read_model_file(fleet.model("pump"), trusted_key=tmp_path / "maker.pem.pub")
    assert model.manifest.version == 7


def test_killed_run_goes_on_where_it_was(tmp_path):
    plant = tmp_path / "plant"
    plant.mkdir()
    for number in range(4):
        write_pump(plant, f"pump{number}", pump_rows(240, number, jumps=False))
    folder = FleetFolder(tmp_path / "fleet")
    arguments = ["fleet", "train", plant, "-o", folder.path, *OPTIONS, "--no-common-model"]
    command = [sys.executable, "-m", "saelite", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    outcomes, stop = folder.path / "outcomes", time.monotonic() + 120
    while len(list(outcomes.glob("*.json")) if outcomes.is_dir() else ()) < 2:
        assert time.monotonic() < stop, "no outcome within two minutes"
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = {one.asset for one in folder.outcomes() if one.status != "failed"}
    assert len(done) >= 2, "what was done is on disk"
    made = {path: path.stat().st_mtime_ns for asset in done for path in [folder.model(asset)]}
    saelite.fleet.train(plant, folder.path, resume=True, common_model=False, **SMALL)
    assert {path: path.stat().st_mtime_ns for path in made} == made
    assert {one.asset for one in folder.outcomes()} == {path.stem for path in plant.iterdir()}
    assert not list(folder.path.rglob("*.part"))


def test_warm_start_goes_on_with_the_same_common_model(plant, tmp_path):
    for name in ("pump0.csv", "pump1.csv", "pump2.csv"):
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / name).write_bytes((plant / name).read_bytes())
    options = {"warm_start": True, **SMALL}
    first = saelite.fleet.train(tmp_path / "data", tmp_path / "fleet", **options)
    assert first.frame["is_warm"].to_list() == [True] * 3
    digest = read_common_model(tmp_path / "fleet" / "common" / "start.npz").digest
    (tmp_path / "fleet" / "outcomes" / "asset=pump1.json").unlink()
    write_pump(tmp_path / "data", "pump2", pump_rows(240, 5, jumps=False))  # another sample would be another start
    again = saelite.fleet.train(tmp_path / "data", tmp_path / "fleet", resume=True, **options)
    assert read_common_model(tmp_path / "fleet" / "common" / "start.npz").digest == digest
    assert outcome_of(again, "pump1").is_warm
    assert outcome_of(again, "pump1").figures.loss == pytest.approx(outcome_of(first, "pump1").figures.loss, rel=1e-3)


def test_warm_start_without_a_common_model_is_refused(plant, tmp_path):
    with pytest.raises(UsageError, match="a warm start needs the common model"):
        saelite.fleet.train(plant, tmp_path / "fleet", warm_start=True, common_model=False)


def test_second_process_on_the_same_folder_is_refused(trained):
    folder = FleetFolder(trained[0])
    asked = json.loads((trained[0] / "fleet.json").read_text())
    asked.pop("schema")
    again = pytest.raises(OutputError, match=f"is in use by process {os.getpid()}")
    with folder.claimed(asked, resume=True), again, folder.claimed(asked, resume=True):
        pass
