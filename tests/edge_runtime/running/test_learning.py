"""`saelite run --learn` as a process: watch, learn, then judge; through restarts, kills and new models."""

import json
import time
from pathlib import Path

import pytest
from live_process import PATIENCE_S, start, timed_line
from machines import SENSORS, write_csv
from sites import PATH, made, site_rows

from command_line import run_saelite  # isort: skip
from edge_runtime.model_file.container import parse_model_file
from edge_runtime.model_file.signature import write_key_pair
from edge_runtime.refitting.journal import Journal, Record

LEARN = ("--state", "st", "--learn", "10m")


@pytest.fixture
def site(tmp_path):
    """A folder with a model file, half of the time to learn, the other half, and a day with a fault."""
    (tmp_path / "pump.tflite").write_bytes(made("deep"))
    rows = site_rows(2_000)
    faulty = rows[1_300:].copy()
    faulty[300:400, 0] += 60.0
    for name, part, first in (("one", rows[:400], 0), ("two", rows[400:1_300], 400), ("three", faulty, 1_300)):
        write_csv(tmp_path / f"{name}.csv", part, time=range(first, first + len(part)))
    return tmp_path


def run(site, recording, *options, sink="out.jsonl"):
    done = run_saelite(
        "run", "pump.tflite", "--source", f"csv:{recording}.csv", *LEARN, "--sink", f"jsonl:{sink}", *options, cwd=site
    )
    assert done.returncode == 0, done.stderr
    return done.stderr, [json.loads(line) for line in (site / sink).read_text().splitlines()]


def test_nothing_alarms_until_the_machine_is_learnt_and_then_faults_do(site):
    said, lines = run(site, "one", sink="one.jsonl")
    assert "no alarm is announced until then" in said
    assert all(line["learning"] for line in lines if "event" not in line)
    assert max(line["score"] for line in lines if "event" not in line) > 10
    assert [line["event"] for line in lines if "event" in line] == ["learning_started"]

    said, lines = run(site, "two", sink="two.jsonl")
    assert "(66% so far)" in said or "(67% so far)" in said
    assert "alarms are announced from now on" in said
    events = [line for line in lines if "event" in line]
    assert [line["event"] for line in events] == ["learning_started", "learning_ended"]
    assert events[-1]["learnt"]
    assert events[-1]["windows"] > 1_000

    said, lines = run(site, "three", sink="three.jsonl")
    assert "learning this machine" not in said
    assert not any("learning" in line for line in lines)
    alarms = [line for line in lines if line.get("event") == "alarm_started"]
    assert [line["sensors"][0] for line in alarms] == [SENSORS[0]]
    learnt = parse_model_file((site / "st.learnt").read_bytes(), PATH)
    assert learnt.parent == made("deep")


def test_new_file_of_the_maker_is_adapted_to_the_same_readings_at_once(site):
    run(site, "one")
    run(site, "two")
    (site / "pump.tflite").write_bytes(made("codebook"))
    said, _ = run(site, "three")
    assert "(100% so far)" in said
    assert "alarms are announced from now on" in said
    assert parse_model_file((site / "st.learnt").read_bytes(), PATH).parent == made("codebook")


def test_killed_stream_learns_on_from_where_it_was(site):
    process = start("pump.tflite", "--source", "-", *LEARN, "--state-interval", "0.1s", cwd=site)
    process.stdin.write((",".join(["time", *SENSORS]) + "\n").encode())
    for second, row in enumerate(site_rows(300)):
        process.stdin.write(timed_line(second, row))
    process.stdin.flush()
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s and _remembered(site) < 300:
        time.sleep(0.05)
    process.kill()
    process.communicate()
    said, _ = run(site, "two")
    assert "(50% so far)" in said


def _remembered(site):
    path = site / "st.learning"
    return sum(len(one.values) for one in Journal(path, SENSORS).read()) if path.exists() else 0


def test_machine_that_cannot_be_learnt_is_judged_by_the_makers_file(site):
    broken = parse_model_file(made("deep"), PATH)
    (site / "pump.tflite").write_bytes(broken.to_bytes())
    (site / "st.learnt").mkdir()  # nothing can be written there
    run(site, "one")
    said, lines = run(site, "two")
    assert "nothing was learnt" in said
    ended = [line for line in lines if line.get("event") == "learning_ended"]
    assert [line["learnt"] for line in ended] == [False]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--learn", "1h"), "expected --state FILE"),
        (("--learn", "1h", "--state", "st", "--trusted-key", "maker.pub"), "Expected --sign KEY and --device-key"),
        (("--learn", "0s", "--state", "st"), "learn"),
    ],
)
def test_what_could_not_be_learnt_is_refused_at_the_start(site, options, message):
    write_key_pair(site / "maker")
    parse_model_file(made("deep"), PATH).signed(site / "maker").write(site / "pump.tflite")
    done = run_saelite("run", "pump.tflite", "--source", "csv:one.csv", *options, cwd=site)
    assert done.returncode == 2
    assert message in done.stderr


def test_recording_without_times_cannot_be_learnt_for_a_time(site):
    write_csv(site / "timeless.csv", site_rows(50))
    done = run_saelite("run", "pump.tflite", "--source", "csv:timeless.csv", *LEARN, cwd=site)
    assert done.returncode == 2
    assert "expected readings with times" in done.stderr


def test_what_is_learnt_is_signed_and_trusted_after_a_restart(site):
    for name in ("maker", "device"):
        write_key_pair(site / name)
    parse_model_file(made("deep"), PATH).signed(site / "maker").write(site / "pump.tflite")
    trust = ("--trusted-key", "maker.pub", "--device-key", "device.pub", "--sign", "device")
    run(site, "one", *trust)
    run(site, "two", *trust)
    said, _ = run(site, "three", *trust)
    assert "learning" not in said


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_journal_cut_short_keeps_the_records_before(tmp_path, cut):
    journal, rows = Journal(tmp_path / "st.learning", SENSORS), site_rows(30)
    journal.read()
    journal.append([Record(rows[:10], False, 10.0), Record(rows[10:20], True, 20.0)])
    content = journal.path.read_bytes()
    journal.path.write_bytes(content[:-cut])
    found = Journal(journal.path, SENSORS)
    assert [one.watched_s for one in found.read()] == [10.0]
    found.append([Record(rows[20:], False, 30.0)])
    assert [one.watched_s for one in Journal(journal.path, SENSORS).read()] == [10.0, 30.0]


def test_journal_of_other_sensors_is_begun_anew(tmp_path):
    journal = Journal(tmp_path / "st.learning", SENSORS)
    journal.read()
    journal.append([Record(site_rows(10), False, 10.0)])
    assert Journal(Path(journal.path), SENSORS[::-1]).read() == []


def test_changed_byte_ends_the_journal(tmp_path):
    journal = Journal(tmp_path / "st.learning", SENSORS)
    journal.read()
    journal.append([Record(site_rows(10), False, 10.0)])
    content = bytearray(journal.path.read_bytes())
    content[-20] ^= 1
    journal.path.write_bytes(content)
    assert Journal(journal.path, SENSORS).read() == []
