"""`saelite config`, and what `run` and `service` do with a plant's file, short of running it."""

import configparser
import shlex
import shutil
import subprocess

import pytest

PLANT = """
[defaults]
model = "pump.tflite"
state = "/srv/states/{machine}.json"
[machine.a]
source = "serial:/dev/ttyUSB0?baud=9600"
sink = "csv:/var/log/pump/{machine}.csv"
[machine.b]
source = "mqtt://broker/${TOKEN}"
"""


@pytest.fixture
def plant(tmp_path):
    path = tmp_path / "plant.toml"
    path.write_text(PLANT)
    return path


def test_example_passes_its_own_check(saelite, tmp_path):
    (tmp_path / "plant.toml").write_text(saelite("config", "example").stdout)
    checked = saelite("config", "check", "plant.toml")
    assert (checked.returncode, checked.stdout) == (0, "plant.toml: 2 machines: pump1, pump2\n")
    assert checked.stderr.splitlines() == [f"saelite: pump{n}: pump{n}.tflite is not here (yet)" for n in (1, 2)]


def test_check_and_run_name_the_same_mistakes_and_end_with_2(saelite, plant):
    plant.write_text(PLANT.replace("source", "sorce", 1))
    checked, run = saelite("config", "check", "plant.toml"), saelite("run", "plant.toml")
    assert checked.stderr == run.stderr.replace("Usage: saelite run", "Usage: saelite config check")
    assert checked.returncode == run.returncode == 2
    assert "Error: plant.toml:6: no such key in [machine.a]: sorce. Did you mean source?" in checked.stderr


def test_run_takes_no_options_beside_a_plants_file(saelite, plant):
    result = saelite("run", "plant.toml", "--stuck-after", "3", "--sink", "jsonl:-")
    assert result.returncode == 2
    assert "--sink, --stuck-after: a plant's file says what its machines do." in result.stderr


def test_model_without_a_source_is_refused_as_before(saelite, plant):
    for command in ("run", "service"):
        (plant.parent / "pump.tflite").touch()
        result = saelite(command, "pump.tflite", *(["--print"] if command == "service" else []))
        assert (result.returncode, "Missing option '--source'" in result.stderr) == (2, True)


def printed(result):
    assert result.returncode == 0, result.stderr
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str
    unit.read_string(result.stdout)
    return unit["Service"]


def test_unit_of_a_plant_has_what_its_machines_need_and_no_secret(saelite, plant, monkeypatch):
    monkeypatch.setenv("TOKEN", "well-kept-secret")
    result = saelite("service", "plant.toml", "--print")
    unit = printed(result)
    words = shlex.split(unit["ExecStart"])
    assert words[words.index("run") :] == ["run", str(plant)]
    assert unit["DeviceAllow"] == "/dev/ttyUSB0 rw"
    assert "ReadWritePaths=/srv/states\nReadWritePaths=/var/log/pump\n" in result.stdout
    assert (unit["MemoryMax"], unit["TasksMax"]) == ("516M", "80")
    assert unit["WorkingDirectory"] == "/var/lib/saelite-plant"
    assert "well-kept" not in result.stdout + result.stderr


def test_unit_is_written_without_the_secrets_that_the_service_will_have(saelite, plant, monkeypatch):
    monkeypatch.delenv("TOKEN", raising=False)
    assert printed(saelite("service", "plant.toml", "--name", "north", "--print"))["StateDirectory"] == "saelite-north"
    assert saelite("config", "check", "plant.toml").returncode == 2


def test_machines_that_would_forget_everything_at_a_restart_are_named(saelite, plant):
    plant.write_text(PLANT.replace("state =", "#"))
    result = saelite("service", "plant.toml", "--print")
    assert "saelite: a keeps no state across restarts. Add state" in result.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_finds_nothing_wrong_with_the_unit_of_a_plant(saelite, plant, tmp_path):
    (tmp_path / "saelite-plant.service").write_text(saelite("service", "plant.toml", "--print").stdout)
    command = ["systemd-analyze", "verify", "--man=no", tmp_path / "saelite-plant.service"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "saelite-plant.service" not in result.stderr, result.stderr
