"""The main job by hand, as a user types it."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from machines import pump_rows, write_csv


def test_loop_on_ones_own_csv(saelite, tmp_path):
    rows = pump_rows(1200, jumps=False)
    rows[1000:1100, 2] *= 1.8
    label = [int(1000 <= number < 1100) for number in range(1200)]
    write_csv(tmp_path / "pump.csv", rows, anomaly=label)
    trained = saelite("train", "pump.csv", "--rows", "0:800", "-o", "runs/pump", "--epochs", "40")
    assert trained.returncode == 0, trained.stderr
    assert "4 sensors" in trained.stdout
    assert "not used: anomaly" in trained.stderr
    assert saelite("export", "runs/pump", "-o", "pump.tflite").returncode == 0
    shown = saelite("inspect", "pump.tflite")
    assert "FULLY_CONNECTED" in shown.stdout
    manifest = json.loads(saelite("inspect", "pump.tflite", "--json").stdout)
    assert [sensor["name"] for sensor in manifest["spec"]["sensors"]] == ["flow", "pressure", "current", "vibration"]
    scored = saelite("score", "pump.tflite", "pump.csv", "--rows", "800:", "--explain", "-o", "scores.csv")
    assert "F1" in scored.stdout
    with (tmp_path / "scores.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [int(row["row"]) for row in table] == list(range(800, 1200))
    assert sum(int(row["anomaly"]) for row in table[210:300]) > 80
    worst = max(table[:300], key=lambda row: float(row["score"]))
    blame = {name: float(value) for name, value in worst.items() if name.startswith("contribution_")}
    assert max(blame, key=blame.get) == "contribution_current"
    bench = saelite("bench", "pump.tflite", "--full", "runs/pump", "--rounds", "1", "--round-s", "0.1")
    assert "Keras predict" in bench.stdout, bench.stderr


def test_pipe_gives_the_table_of_the_file(saelite, model_path, tmp_path):
    path = write_csv(tmp_path / "log.csv", pump_rows(300))
    saelite("score", model_path, path, "-o", "scores.csv")
    piped = saelite("score", model_path, "-", "-o", "-", input=path.read_text())
    assert piped.stdout == (tmp_path / "scores.csv").read_text()


def test_head_of_the_scores_ends_it_quietly(model_path, tmp_path):
    write_csv(tmp_path / "log.csv", pump_rows(30_000))
    command = [sys.executable, "-m", "saelite", "score", model_path, "log.csv", "-o", "-"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"row,score,anomaly,alarm\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.parametrize("command", [["score", "log.csv", "-o", "-"], ["inspect"]])
def test_standard_output_on_a_full_disk_is_one_line_of_error(model_path, tmp_path, command):
    write_csv(tmp_path / "log.csv", pump_rows(30))
    line = [sys.executable, "-m", "saelite", command[0], model_path, *command[1:]]
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run(line, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr == "Error: cannot go on: No space left on device.\n"


def test_recording_of_this_machine_is_a_recording(saelite, tmp_path):
    made = saelite("record", "--source", "host?rate=20", "--duration", "1s", "-o", "host.csv")
    assert made.returncode == 0, made.stderr
    with (tmp_path / "host.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 10
    assert len(rows[0]) > 10
    assert all(float(value) >= 0 for row in rows for name, value in row.items() if name != "time")


def test_doctor_is_well_here(saelite):
    result = saelite("doctor")
    assert result.returncode == 0
    assert "ai-edge-litert" in result.stdout
    assert json.loads(saelite("doctor", "--json").stdout)["problems"] == []


@pytest.mark.realdata
def test_loop_on_a_semicolon_file_with_time_and_label(saelite, realdata, tmp_path):
    recording = realdata / "skab" / "valve1" / "0.csv"
    assert saelite("train", recording, "--rows", "0:400", "-o", "run").returncode == 0
    assert saelite("export", "run", "-o", "valve.tflite").returncode == 0
    result = saelite("score", "valve.tflite", recording, "--rows", "400:", "-o", "scores.csv")
    assert "747 windows scored" in result.stdout
    assert float(result.stdout.split("F1 ")[1].split(",")[0]) > 0.7
