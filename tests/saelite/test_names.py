"""What a new user meets first: names, units and messages that say what is meant."""

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from machines import pump_rows, write_csv

from edge_runtime.common.durations import duration_text, parse_duration
from edge_runtime.sinks.sink import StreamInfo
from edge_runtime.sinks.sink_spec import open_sink
from edge_runtime.sources.host import HostSource
from edge_runtime.streaming.alarm_events import AlarmStarted
from edge_runtime.streaming.results import no_results
from saelite.cli import main
from training.recordings.read_recording import recording_name
from training.run_folder import read_run_folder


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/plant/pump3/normal.csv", "pump3-normal"),
        ("/plant/pump3/Train.csv.gz", "pump3-Train"),
        ("/plant/pump3.csv", "pump3"),
        ("/plant/pump3/data", "pump3-data"),
        ("/normal.csv", "normal"),
    ],
)
def test_model_is_named_by_the_file_or_with_its_folder(path, name):
    assert recording_name(Path(path)) == name


def test_relative_path_takes_the_folder_it_is_in(tmp_path, monkeypatch):
    (tmp_path / "pump7").mkdir()
    monkeypatch.chdir(tmp_path / "pump7")
    assert recording_name(Path("normal.csv")) == "pump7-normal"


def test_name_can_be_chosen(saelite, tmp_path):
    write_csv(tmp_path / "normal.csv", pump_rows(300))
    assert saelite("train", "normal.csv", "--epochs", 1, "--name", "pump 3", "-o", "run").returncode == 0
    assert read_run_folder(tmp_path / "run").name == "pump 3"
    result = saelite("train", "normal.csv", "--name", "\n", "-o", "other")
    assert (result.returncode, "--name: expected a name" in result.stderr) == (2, True)


def test_float32_export_speaks_of_no_quantised_input(saelite, trained, tmp_path):
    (tmp_path / "run").mkdir()
    trained.folder.write(tmp_path / "run")
    for scheme, said in (("float32", False), ("int8", True)):
        result = saelite("export", "run", "-o", "pump.tflite", "--quantize", scheme)
        assert ("saturate the quantised input" in result.stdout) is said, result.stderr


def test_no_processor_is_busier_than_it_can_be(monkeypatch):
    source = HostSource()
    now = source._counters()
    # Ticks are counted in hundredths of a second: in a short time they can come out as more than there was.
    monkeypatch.setattr(source, "_before", {name: value - 1e6 for name, value in now.items()})
    monkeypatch.setattr(source, "_before_s", time.monotonic() - 0.1)
    values = source.read().values
    assert values["cpu0_percent"] == 100.0
    cores = sum(name[3:].removesuffix("_percent").isdigit() for name in values if name.startswith("cpu"))
    assert values["cpu_user_percent"] == 100.0 * cores


def test_durations_in_weeks():
    assert parse_duration("1w") == 7 * parse_duration("1d")
    assert duration_text(parse_duration("3w")) == "3 weeks"
    result = CliRunner().invoke(main, ["record", "--duration", "0w", "-o", "x.csv"])
    assert "such as 90s, 25m, 2h or 1w" in result.output


def test_alarms_sink_writes_alarms_and_nothing_else(saelite, model_path, tmp_path):
    rows = pump_rows(300, seed=5)
    rows[100:120, 1] += 100_000
    write_csv(tmp_path / "log.csv", rows, time=range(300))
    sinks = ["--sink", "alarms:a.jsonl", "--sink", "jsonl:all.jsonl"]
    assert saelite("run", model_path, "--source", "csv:log.csv", *sinks).returncode == 0
    alarms = (tmp_path / "a.jsonl").read_text().splitlines()
    assert [line for line in (tmp_path / "all.jsonl").read_text().splitlines() if "event" in line] == alarms
    assert {json.loads(line)["event"] for line in alarms} == {"alarm_started", "alarm_ended"}


def test_alarms_sink_takes_an_event_without_a_result(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sink = open_sink("alarms:a.jsonl", StreamInfo("pump", ("flow",), 1.0, 9.9), print)
    results = no_results(("flow",))
    sink.write(results)
    sink.write(type(results)(**{**vars(results), "events": (AlarmStarted(1.0, 2.0, 1.0, ()),), "event_rows": (-1,)}))
    sink.close()
    assert json.loads((tmp_path / "a.jsonl").read_text())["event"] == "alarm_started"
