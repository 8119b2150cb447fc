"""`saelite history` and `saelite feedback`: what they list, say and refuse."""

import csv
import io
import json
import re
import time

import pytest
from histories import START_S, MovedClocks, alarm_block, info

from edge_runtime.history.history import History
from edge_runtime.history.history_sink import HistorySink
from edge_runtime.sinks.sink import StreamInfo


@pytest.fixture
def file(tmp_path):
    """A history of two machines with an alarm each, the newer one of `fan`."""
    clocks = MovedClocks(time.time())
    history = History.open(tmp_path / "site.db", clocks=clocks.clocks)
    for name in ("pump", "fan"):
        sink = HistorySink(history, info(name=name))
        sink.write(alarm_block(0, 500, 400, 450))
        sink.close()
    history.close()
    return tmp_path / "site.db"


def test_alarms_are_listed_newest_first_with_what_was_expected(file, saelite):
    lines = saelite("history", file).stdout.splitlines()
    assert lines[0].split()[:5] == ["alarm", "machine", "start", "end", "peak"]
    assert [line.split()[1] for line in lines[2:]] == ["fan", "pump"]
    assert "flow 12.00 l/min, expected 30.00 ± 0.50" in lines[2]


def test_alarms_as_csv_and_json(file, saelite):
    rows = list(csv.DictReader(io.StringIO(saelite("history", file, "--csv", "--machine", "pump").stdout)))
    assert [(row["alarm"], row["machine"], row["end"]) for row in rows] == [("1", "pump", "2023-11-14T22:20:50.000Z")]
    records = [json.loads(line) for line in saelite("history", file, "--json").stdout.splitlines()]
    assert records[0]["sensors"][0]["expected"] == 30.0
    assert records[0]["said"] == []


def test_history_without_alarms_is_no_line_of_json(tmp_path, saelite):
    History.open(tmp_path / "new.db").close()
    assert saelite("history", tmp_path / "new.db", "--json").stdout == ""
    assert saelite("history", tmp_path / "new.db").stdout == "no alarms\n"


def test_only_newer_alarms_are_listed_by_either_clock(file, saelite):
    assert len(saelite("history", file, "--since", "1d", "--json").stdout.splitlines()) == 2
    assert saelite("history", file, "--since", "2099-01-01").stdout == "no alarms\n"
    assert len(saelite("history", file, "--since", "2023-11-14T22:00Z", "--json").stdout.splitlines()) == 2
    assert "expected a time span such as 2d, or a time" in saelite("history", file, "--since", "soon").stderr


def test_trend_of_score_and_sensor(file, saelite):
    asked = ("history", file, "--machine", "pump", "--since", "2023-11-14T22:13:20", "--trend", "--points", "20")
    records = [json.loads(line) for line in saelite(*asked, "--json").stdout.splitlines()]
    assert max(record["highest"] for record in records) == 3.0
    assert len(records) <= 20
    text = saelite(*asked, "--sensor", "heat").stdout
    assert text.split()[:4] == ["time", "lowest", "mean", "highest"]
    assert "--sensor: expected one of flow, heat" in saelite(*asked, "--sensor", "fan").stderr
    assert "--machine: expected one of pump, fan" in saelite("history", file, "--trend").stderr


def test_feedback_is_kept_and_listed(file, saelite):
    said = saelite("feedback", file, "1", "false-alarm", "--who", "Ann", "--note", "filter")
    assert said.stdout == "alarm 1 of pump, 2023-11-14T22:20:00.000Z: false-alarm\n"
    assert saelite("feedback", file, "last", "ignore", "--until", "2d").stdout.startswith("alarm 2 of fan")
    assert saelite("feedback", file, "last", "real", "--machine", "pump", "--who", "").returncode == 0
    history = History.read(file)
    assert [(mark.kind, mark.who, mark.note) for mark in history.alarm(1).marks] == [
        ("false_alarm", "Ann", "filter"), ("real", "", ""),
    ]  # fmt: skip
    assert history.ignored("fan", time.time() + 1.9 * 86_400) == {"flow"}
    assert history.ignored("pump", time.time()) == frozenset()
    history.close()
    table = saelite("history", file).stdout
    assert "false alarm (Ann): filter; real" in table
    assert "ignore flow until" in table


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("7", "real"), "no alarm 7 in .* Expected at most 2"),
        (("99999999999999999999", "real"), "ALARM: expected a number"),
        (("first", "real"), "ALARM: expected a number that `saelite history` lists, or last"),
        (("1", "real", "--until", "2d"), "--until and --sensor go with ignore"),
        (("1", "ignore", "--sensor", "fan"), "no sensor 'fan'. Expected one of: flow, heat"),
        (("1", "ignore", "--until", "400d"), "at most 366 days"),
        (("1", "real", "--note", "x" * 2000), "expected note of at most 1000 characters"),
        (("last", "real", "--machine", "mill"), "no alarm of mill"),
    ],
)
def test_feedback_that_cannot_be_meant_is_refused(file, saelite, words, error):
    result = saelite("feedback", file, *words)
    assert result.returncode in (1, 2)
    assert re.search(error, " ".join(result.stderr.split())), result.stderr


def test_file_that_does_not_exist_is_not_made(tmp_path, saelite):
    for words in (("history", "nothing.db"), ("feedback", "nothing.db", "1", "real")):
        result = saelite(*words)
        assert (result.returncode, "no history at nothing.db" in result.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []


def test_hostile_names_reach_neither_terminal_nor_spreadsheet(tmp_path, saelite):
    history = History.open(tmp_path / "site.db")
    name = "=cmd|' /C calc'!A1\x1b]0;owned\x07"
    sink = HistorySink(history, StreamInfo(name, ("flow", "heat"), 1.0, float("inf")))
    sink.write(alarm_block(0, 10, 2, 5))
    sink.close()
    history.close()
    saelite("feedback", "site.db", "1", "real", "--note", "=1+1\x1b[2J", "--who", "+A")
    for form in ((), ("--csv",), ("--json",)):
        assert "\x1b" not in saelite("history", "site.db", *form).stdout
    (row,) = csv.DictReader(io.StringIO(saelite("history", "site.db", "--csv").stdout))
    assert row["machine"].startswith("'=cmd")


def test_history_that_is_in_use_is_read_and_marked(tmp_path, saelite):
    history = History.open(tmp_path / "site.db", clocks=MovedClocks(START_S).clocks)
    sink = HistorySink(history, info())
    sink.write(alarm_block(0, 500, 400, 10_000))
    assert saelite("feedback", "site.db", "last", "real").returncode == 0
    assert "real" in saelite("history", "site.db").stdout
    assert history.alarms()[0].verdict == "real"
    history.close()
