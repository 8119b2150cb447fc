"""The systemd unit: what it runs, what it may do, and that systemd itself finds nothing wrong with it."""

import configparser
import shlex
import shutil
import subprocess

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from saelite.systemd_unit import quoted


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
        "--state", "/var/lib/saelite-pump/state.json",
    ]  # fmt: skip
    assert (service["Type"], service["Restart"], service["WatchdogSec"]) == ("notify", "always", "60")
    assert service["DeviceAllow"] == "/dev/ttyUSB0 rw"


@pytest.mark.usefixtures("_model")
def test_unit_may_use_the_line_of_modbus_devices_and_the_folder_of_lines_for_influxdb(saelite):
    source = "modbus-rtu:/dev/ttyUSB1?baud=9600&flow=40001:float32"
    _, service = printed(saelite, "--source", source, "--sink", "influx:/var/log/pump/lines.txt")
    assert (service["DeviceAllow"], service["SupplementaryGroups"]) == ("/dev/ttyUSB1 rw", "dialout")
    assert service["ReadWritePaths"] == "/var/log/pump"
    _, service = printed(saelite, "--source", "host", "--sink", "influx://db/plant")
    assert "ReadWritePaths" not in service


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


@pytest.mark.usefixtures("_model")
def test_key_name_and_folders_of_sinks_are_in_the_unit(saelite, tmp_path):
    _, service = printed(
        saelite, "--source", "host", "--sink", "csv:/var/log/pump/a.csv?max_mb=5", "--sink", "jsonl:mine.jsonl",
        "--trusted-key", "maker.pem.pub", "--trusted-key", "/etc/saelite/next.pub", "--expect-name", "pump",
    )  # fmt: skip
    words = shlex.split(service["ExecStart"])
    keys = [words[place + 1] for place, word in enumerate(words) if word == "--trusted-key"]
    assert keys == [str(tmp_path / "maker.pem.pub"), "/etc/saelite/next.pub"]
    assert words[words.index("--expect-name") + 1] == "pump"
    assert service["ReadWritePaths"] == "/var/log/pump"
    assert service["StateDirectory"] == "saelite-pump"
    assert service["WorkingDirectory"] == "/var/lib/saelite-pump"


@pytest.mark.usefixtures("_model")
@pytest.mark.parametrize("option", ["--source", "--sink", "--expect-name", "--trusted-key", "--name"])
@pytest.mark.parametrize("end", ["\n", "\r", "\x0b", "\u2028", "\x1b"])
def test_nothing_begins_a_line_of_its_own(saelite, option, end):
    source = [] if option == "--source" else ["--source", "host"]
    result = saelite("service", "pump.tflite", *source, option, f"host{end}ExecStartPre=/bin/evil", "--print")
    assert result.returncode == 2
    assert result.stdout == ""


def expanded(line):
    """Return the words of a line as systemd reads it: quotes and backslashes, %% and $$."""
    words, word, rest = [], "", iter(line)
    is_quoted = False
    for character in rest:
        if character == "\\":
            word += next(rest)
        elif character == '"':
            is_quoted = not is_quoted
        elif character == " " and not is_quoted:
            words.append(word)
            word = ""
        elif character in "%$":
            assert next(rest) == character, "it would be expanded"
            word += character
        else:
            word += character
    return [*words, word]


@given(st.text(st.characters(exclude_categories=["C", "Z"]) | st.sampled_from(" \\\"'%$;#"), min_size=1))
def test_every_word_comes_back_from_systemds_quoting(text):
    assume(text.isprintable())
    assert expanded(quoted(text)) == [text]


@pytest.mark.usefixtures("_model")
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_exposure_is_low(saelite, tmp_path):
    text, _ = printed(saelite, "--source", "mqtt://broker/pump")
    (tmp_path / "saelite-pump.service").write_text(text)
    command = ["systemd-analyze", "security", "--offline=yes", "--threshold=20", tmp_path / "saelite-pump.service"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-400:]


def test_model_of_a_registry_need_not_be_there_and_is_kept_beside_the_state(saelite):
    _, service = printed(
        saelite,
        "--source",
        "host",
        "--registry",
        "https://models/fleet",
        "--asset",
        "pump 7",
        "--trusted-key",
        "/k.pub",
    )
    words = shlex.split(service["ExecStart"])
    assert words[words.index("run") + 1] == "/var/lib/saelite-pump/pump.tflite"
    assert words[words.index("--registry") + 1] == "https://models/fleet"
    assert words[words.index("--asset") + 1] == "pump 7"
    for missing in (("--asset", "pump7"), ("--trusted-key", "/k.pub")):
        result = saelite("service", "pump.tflite", "--source", "host", "--registry", "models", *missing, "--print")
        assert result.returncode == 2
        assert "expected --" in result.stderr


def test_model_file_that_is_not_there_is_named(saelite):
    result = saelite("service", "pump.tflite", "--source", "-", "--print")
    assert (result.returncode, result.stdout) == (1, "")
    assert "no such file: pump.tflite" in result.stderr


@pytest.mark.usefixtures("_model")
def test_reload_needs_no_program_that_a_small_system_lacks(saelite):
    text, _ = printed(saelite, "--source", "host")
    assert "ExecReload=/bin/sh -c 'kill -HUP ${MAINPID}'\n" in text


@pytest.mark.usefixtures("_model")
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_finds_nothing_wrong_with_the_unit(saelite, tmp_path):
    text, _ = printed(saelite, "--source", "host")
    (tmp_path / "saelite-pump.service").write_text(text)
    command = ["systemd-analyze", "verify", "--man=no", tmp_path / "saelite-pump.service"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "saelite-pump.service" not in result.stderr, result.stderr
