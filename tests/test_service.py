"""The systemd unit: what it runs, what it may do, and that systemd itself finds nothing wrong with it."""

import configparser
import shlex
import shutil
import subprocess

import pytest


@pytest.fixture
def _model(tmp_path):
    """A file of the model's name: the unit does not look into it."""
    (tmp_path / "pump.tflite").touch()


def printed(saelite, *arguments):
    result = saelite("service", "pump.tflite", *arguments, "--print")
    assert result.returncode == 0, result.stderr
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str
    unit.read_string(result.stdout)
    return result.stdout, unit["Service"]


@pytest.mark.usefixtures("_model")
def test_unit_runs_the_stream_and_listens_to_its_watchdog(saelite, tmp_path):
    _, service = printed(saelite, "--source", "serial:/dev/ttyUSB0?baud=9600", "--sink", "mqtt://broker")
    words = shlex.split(service["ExecStart"])
    assert words[words.index("run") :] == [
        "run", str(tmp_path / "pump.tflite"), "--source", "serial:/dev/ttyUSB0?baud=9600", "--sink", "mqtt://broker",
        "--state", "/var/lib/saelite/pump.json",
    ]  # fmt: skip
    assert (service["Type"], service["Restart"], service["WatchdogSec"]) == ("notify", "always", "60")
    assert service["DeviceAllow"] == "/dev/ttyUSB0 rw"


@pytest.mark.usefixtures("_model")
def test_unit_gives_no_rights_that_are_not_needed(saelite):
    text, service = printed(saelite, "--source", "mqtt://broker/pump")
    assert "User=root" not in text
    assert service["DynamicUser"] == service["NoNewPrivileges"] == service["PrivateDevices"] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""


@pytest.mark.usefixtures("_model")
def test_names_that_are_none_are_refused(saelite):
    assert saelite("service", "pump.tflite", "--source", "-", "--name", "a b", "--print").returncode == 2


def test_model_file_that_is_not_there_is_named(saelite):
    result = saelite("service", "pump.tflite", "--source", "-", "--print")
    assert (result.returncode, result.stdout) == (1, "")
    assert "no such file: pump.tflite" in result.stderr


@pytest.mark.usefixtures("_model")
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_finds_nothing_wrong_with_the_unit(saelite, tmp_path):
    text, _ = printed(saelite, "--source", "host")
    (tmp_path / "saelite-pump.service").write_text(text)
    command = ["systemd-analyze", "verify", "--man=no", tmp_path / "saelite-pump.service"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "saelite-pump.service" not in result.stderr, result.stderr
