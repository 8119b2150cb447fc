"""A fleet's whole way: trained, published, taken by each machine's device from the registry, and run there."""

import json

import numpy as np
import pytest
from command_line import run_saelite
from machines import SENSORS, pump_rows, write_csv

import saelite.fleet
from edge_runtime.inference.detector import Detector
from edge_runtime.model_file.signature import write_key_pair

PUMPS = ("pump1", "pump2", "pump3")


def test_each_device_runs_the_model_that_was_trained_for_its_machine(tmp_path):
    pytest.importorskip("polars")
    plant, key = tmp_path / "plant", tmp_path / "maker.pem"
    plant.mkdir()
    for number, name in enumerate(PUMPS):
        rows = pump_rows(240, number, jumps=False) + number * np.float32([10, 5_000, 1, 0.001])
        write_csv(plant / f"{name}.csv", rows, time=[str(60 * minute) for minute in range(len(rows))])
    write_key_pair(key)
    fleet = saelite.fleet.train(
        plant, tmp_path / "fleet", preset="tiny", epochs=2, workers=0, common_model=False, sign=key
    )
    assert {one.status for one in fleet.outcomes} == {"made"}
    done = run_saelite("publish", "fleet", "registry", "--sign", key, cwd=tmp_path)
    assert "3 assets, 3 changed; 3 model files written" in done.stdout, done.stderr
    for name in PUMPS:
        device = tmp_path / name
        device.mkdir()
        done = run_saelite(
            "run", "model.tflite", "--source", "-", "--registry", tmp_path / "registry", "--asset", name,
            "--trusted-key", f"{key}.pub", "--state", "state.json",
            cwd=device, input=(plant / f"{name}.csv").read_text(),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        results = [one for one in map(json.loads, done.stdout.splitlines()) if "score" in one and "event" not in one]
        detector = Detector.load(device / "model.tflite", trusted_key=f"{key}.pub")
        assert detector.manifest.name == name
        assert (device / "model.tflite").read_bytes() == fleet.model(name).read_bytes()
        rows = np.loadtxt(plant / f"{name}.csv", delimiter=",", skiprows=1)[:, : len(SENSORS)]
        expected = detector.stream().update_many(rows).scores
        np.testing.assert_allclose([one["score"] for one in results], expected, rtol=1e-3)
