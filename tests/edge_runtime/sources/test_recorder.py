"""Any source into a CSV recording: names from header, first reading or the command line."""

import csv
import gzip
import json
import signal
import subprocess
import sys

import numpy as np
import pytest
from broker import MOSQUITTO, mosquitto
from live_process import PATIENCE_S, until

from edge_runtime.errors import RecordingError
from edge_runtime.sources.queued import IteratorSource
from edge_runtime.sources.reading import Reading
from edge_runtime.sources.recorder import Recorded, record_to_csv
from edge_runtime.sources.sensor_names import SensorNames
from edge_runtime.sources.source_spec import open_source
from training.recordings import read_recording


def rows_of(path):
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        return list(csv.reader(file))


def recorded(spec, folder, names=()):
    """Record a source to its end; return the rows and the counts."""
    names = names or SensorNames()
    source = open_source(spec, names, print)
    try:
        counts = record_to_csv(source, names, folder / "log.csv")
    finally:
        source.close()
    return rows_of(folder / "log.csv"), counts


def test_csv_pipe_is_recorded_with_its_own_times(saelite, tmp_path):
    text = "time;flow;state;heat;anomaly\n0;1,5;on;20;0\n1;2,5;on;;0\n2;noise\n3;3,5;off;22;1\n"
    done = saelite("record", "--source", "-", "-o", "log.csv.gz", input=text)
    assert done.stdout == "3 readings in log.csv.gz, 1 lost\n", done.stderr
    assert rows_of(tmp_path / "log.csv.gz") == [
        ["time", "flow", "heat"],
        ["1970-01-01T00:00:00.000Z", "1.5", "20"],
        ["1970-01-01T00:00:01.000Z", "2.5", ""],
        ["1970-01-01T00:00:03.000Z", "3.5", "22"],
    ]


def test_json_lines_are_named_by_the_first_of_them(tmp_path):
    lines = [{"time": 5, "flow": 1, "unit": "l/s", "heat": None}, {"heat": 101325.37, "flow": 2, "more": 3}, "odd"]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    rows, counts = recorded(f"jsonl:{tmp_path / 'log.jsonl'}", tmp_path)
    assert [row[1:] for row in rows] == [["flow", "heat"], ["1", ""], ["2", "101325.37"]]
    assert counts == Recorded(rows=2, lost=1)


@pytest.mark.parametrize(("names", "header"), [((), ["sensor0", "sensor1"]), (("flow", "heat"), ["flow", "heat"])])
def test_values_without_names_are_numbered_unless_they_are_given(tmp_path, monkeypatch, names, header):
    (tmp_path / "plant.py").write_text("def readings():\n    yield [1.0, 2.0]\n    yield [3.0, 4.0]\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "plant", raising=False)
    rows, _ = recorded("plant:readings", tmp_path, names)
    assert [row[1:] for row in rows] == [header, ["1", "2"], ["3", "4"]]


def test_chosen_sensors_alone_are_recorded(saelite, tmp_path):
    (tmp_path / "in.csv").write_text("a,b,c\n1,2,3\n4,5,6\n")
    assert saelite("record", "--source", "csv:in.csv", "--sensors", "c,a", "-o", "out.csv").returncode == 0
    assert [row[1:] for row in rows_of(tmp_path / "out.csv")] == [["c", "a"], ["3", "1"], ["6", "4"]]


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
def test_topic_is_recorded_until_ctrl_c(tmp_path):
    with mosquitto(tmp_path) as port:
        command = [
            sys.executable,
            "-m",
            "saelite",
            "record",
            "--source",
            f"mqtt://127.0.0.1:{port}/plant",
            "-o",
            "m.csv",
        ]
        # Of tests in the background, programs would ignore Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            try:
                # It says so once it is subscribed: what is published before is nobody's.
                assert f"127.0.0.1:{port}/plant".encode() in process.stderr.readline()
                for second in range(3):
                    text = json.dumps({"time": second, "flow": second / 2})
                    subprocess.run(["mosquitto_pub", "-p", str(port), "-t", "plant", "-q", "1", "-m", text], check=True)
                part = tmp_path / "m.csv.part"
                until(lambda: part.exists() and part.read_text().count("\n") == 4)
                process.send_signal(signal.SIGINT)
                assert process.wait(PATIENCE_S) == 0
                assert process.stdout.read() == b"3 readings in m.csv\n"
            finally:
                process.kill()
    recording = read_recording(tmp_path / "m.csv")
    assert (recording.sensors, recording.values.ravel().tolist()) == (("flow",), [0.0, 0.5, 1.0])


def test_reading_without_a_time_gets_that_of_its_arrival(tmp_path):
    names = SensorNames()
    source = IteratorSource("mine", lambda: iter([{"flow": 1.0}, {"flow": 2.0}]), names)
    record_to_csv(source, names, tmp_path / "log.csv")
    times = np.array([row[0].removesuffix("Z") for row in rows_of(tmp_path / "log.csv")[1:]], "datetime64[ms]")
    assert (np.abs(times - np.datetime64("now")) < np.timedelta64(PATIENCE_S, "s")).all()


def test_sensor_that_goes_while_it_is_recorded_leaves_empty_cells(tmp_path):
    readings = [Reading(0.0, {"flow": 1.0, "heat": 2.0}), Reading(1.0, {"flow": 1.5})]
    names = SensorNames()
    record_to_csv(IteratorSource("mine", lambda: iter(readings), names), names, tmp_path / "log.csv")
    assert (tmp_path / "log.csv").read_text().splitlines()[2] == "1970-01-01T00:00:01.000Z,1.5,"


def test_source_without_a_reading_leaves_no_file(tmp_path):
    (tmp_path / "in.jsonl").write_text("noise\n" * 3)
    with pytest.raises(RecordingError, match=r"gave no reading.*Received: 3 lines"):
        recorded(f"jsonl:{tmp_path / 'in.jsonl'}", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]
