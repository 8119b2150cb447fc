"""`saelite run` as a process: pipes in, lines out, signals, new models, state."""

import csv
import json
import resource
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from live_process import PATIENCE_S, next_score, start, timed_line, until
from machines import SENSORS, pump_rows, write_csv

from edge_runtime.streaming.state import read_state

ROOT = Path(__file__).parents[3]


@pytest.fixture
def live(model_path, tmp_path):
    """A running stream that was given ten readings on its standard input."""
    # On a busy machine the test may pause for longer than readings may.
    options = ("--state", "state.json", "--state-interval", "0.1s", "--stale-after", "1h")
    process = start(model_path, "--source", "-", *options, cwd=tmp_path)
    process.stdin.write((",".join(["time", *SENSORS]) + "\n").encode())
    for second, row in enumerate(pump_rows(10, seed=5)):
        process.stdin.write(timed_line(second, row))
    for _ in range(8):
        assert next_score(process) > 0
    yield process
    process.kill()
    process.communicate()


def test_run_gives_the_scores_of_the_batch(saelite, model_path, tmp_path):
    write_csv(tmp_path / "log.csv", pump_rows(500, seed=5), time=range(500))
    assert saelite("run", model_path, "--source", "csv:log.csv", "--sink", "csv:run.csv").returncode == 0
    assert saelite("score", model_path, "log.csv", "-o", "batch.csv").returncode == 0
    run, batch = (list(csv.DictReader((tmp_path / name).read_text().splitlines())) for name in ("run.csv", "batch.csv"))
    np.testing.assert_allclose([float(row["score"]) for row in run], [float(row["score"]) for row in batch], rtol=1e-4)
    assert run[0]["time"] == "1970-01-01T00:00:02.000Z"


def test_live_reading_is_answered_before_the_next_one_comes(live):
    live.stdin.write(timed_line(10, pump_rows(1)[0]))
    assert next_score(live) > 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_with_nothing_lost(live, tmp_path, number):
    live.send_signal(number)
    _, err = live.communicate(timeout=PATIENCE_S)
    assert live.returncode == 0
    assert b"Traceback" not in err
    assert b"10 read, 8 scored, 2 filling" in err
    assert len(read_state(tmp_path / "state.json").stream.window) == 2


def test_changed_model_file_is_loaded_and_keeps_the_window(live, model_path):
    model_path.touch()
    assert b"is loaded; the window is kept" in live.stderr.readline()
    live.stdin.write(timed_line(10, pump_rows(1)[0]))
    assert next_score(live) > 0


def test_bad_new_model_is_refused_and_the_old_one_goes_on(live, model_path):
    model_path.write_bytes(b"no model")
    live.send_signal(signal.SIGHUP)
    message = live.stderr.readline()
    assert b"refused; the old one stays in use" in message
    assert b"not a TFLite file" in message
    live.stdin.write(timed_line(10, pump_rows(1)[0]))
    assert next_score(live) > 0


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_model_file_that_is_copied_half_is_refused_until_it_is_whole(live, model_path, share):
    whole = model_path.read_bytes()
    model_path.write_bytes(whole[: int(share * len(whole))])
    assert b"refused; the old one stays in use" in live.stderr.readline()
    live.stdin.write(timed_line(10, pump_rows(1)[0]))
    assert next_score(live) > 0
    model_path.write_bytes(whole)
    assert b"is loaded; the window is kept" in live.stderr.readline()


def test_first_reading_without_a_value_is_named(saelite, model_path, tmp_path):
    rows = pump_rows(40)
    rows[16, 1] = np.nan
    write_csv(tmp_path / "log.csv", rows)
    result = saelite("run", model_path, "--source", "csv:log.csv", "--on-missing", "error")
    assert result.returncode == 1
    assert "line 18: sensor 'pressure' has no value" in result.stderr
    assert result.stdout.count('"drift"') == 14, "what came before is written"
    assert "40 read, 14 scored, 2 filling, 24 skipped" in result.stderr


def test_killed_stream_goes_on_from_its_state(live, model_path, tmp_path):
    until(lambda: len(read_state(tmp_path / "state.json").stream.window) == 2)
    live.kill()
    live.communicate()
    again = start(model_path, "--source", "-", "--state", "state.json", cwd=tmp_path)
    rows = (",".join(["time", *SENSORS]) + "\n").encode() + timed_line(10, pump_rows(1)[0])
    out, _ = again.communicate(rows, timeout=PATIENCE_S)
    assert out.count(b'"drift"') == 1, "the window was full from the start"


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\x00", b'{"schema"', b"[1]", b'{"schema": 1, "model_sha256": "", "saved_s": 1, "threshold": 1}'],
)
def test_state_that_cannot_be_used_is_set_aside_and_written_anew(saelite, model_path, tmp_path, content):
    write_csv(tmp_path / "log.csv", pump_rows(5))
    (tmp_path / "state.json").write_bytes(content)
    result = saelite("run", model_path, "--source", "csv:log.csv", "--state", "state.json")
    assert result.returncode == 0
    assert "It is not used but set aside as state.json.bad." in result.stderr
    assert (tmp_path / "state.json.bad").read_bytes() == content
    assert len(read_state(tmp_path / "state.json").stream.window) == 2


def test_two_processes_do_not_share_a_state(live, saelite, model_path, tmp_path):
    write_csv(tmp_path / "log.csv", pump_rows(5))
    second = saelite("run", model_path, "--source", "csv:log.csv", "--state", "state.json")
    assert second.returncode == 1
    assert f"in use by process {live.pid}" in second.stderr
    assert len(read_state(tmp_path / "state.json").stream.window) == 2, "the first one's"


@pytest.mark.parametrize(
    ("closed", "said"),
    [("<&-", "no readings"), (">&-", "5 read, 3 scored"), ("2>&-", "")],
)
def test_closed_standard_streams_are_empty_ones(model_path, tmp_path, closed, said):
    write_csv(tmp_path / "log.csv", pump_rows(5))
    source = "-" if closed == "<&-" else "csv:log.csv"
    line = f"exec {sys.executable} -m saelite run {model_path} --source {source} {closed}"
    result = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert said in result.stderr


def test_what_a_killed_run_left_half_written_is_cleared_away(saelite, model_path, tmp_path):
    write_csv(tmp_path / "log.csv", pump_rows(5))
    (tmp_path / ".state.json.0a1b2c3d.part").write_bytes(b'{"schema"')
    assert saelite("run", model_path, "--source", "csv:log.csv", "--state", "state.json").returncode == 0
    assert {path.name for path in tmp_path.glob("*state*")} == {"state.json", "state.json.model"}


def test_reader_that_goes_home_is_no_error(model_path, tmp_path):
    write_csv(tmp_path / "log.csv", pump_rows(20_000))
    with start(model_path, "--source", "csv:log.csv", cwd=tmp_path) as process:
        process.stdout.readline()
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
    assert process.returncode == 0


def test_several_sinks_get_the_same_results(saelite, model_path, tmp_path):
    write_csv(tmp_path / "log.csv", pump_rows(50))
    (tmp_path / "mine.py").write_text(
        "def keep(it):\n    if hasattr(it, 'drift'):\n        open('mine.txt', 'a').write(f'{it.score:.6g}\\n')\n"
    )
    sinks = ["--sink", "jsonl:a.jsonl", "--sink", "csv:b.csv", "--sink", "mine:keep"]
    result = saelite("run", model_path, "--source", "csv:log.csv", *sinks)
    assert result.returncode == 0, result.stderr
    lines = map(json.loads, (tmp_path / "a.jsonl").read_text().splitlines())
    scores = [f"{line['score']:.6g}" for line in lines if "event" not in line]
    assert (tmp_path / "mine.txt").read_text().split() == scores
    assert len((tmp_path / "b.csv").read_text().splitlines()) == len(scores) + 1 == 49


def test_sink_that_fails_does_not_stop_the_others(saelite, model_path, tmp_path):
    write_csv(tmp_path / "log.csv", pump_rows(50))
    (tmp_path / "mine.py").write_text("def fail(result):\n    raise KeyError('oops')\n")
    result = saelite("run", model_path, "--source", "csv:log.csv", "--sink", "mine:fail", "--sink", "jsonl:a.jsonl")
    assert result.returncode == 0
    assert "mine:fail is failing (KeyError: 'oops')" in result.stderr
    assert (tmp_path / "a.jsonl").read_text().count('"drift"') == 48


def test_full_disk_leaves_whole_lines_and_what_it_did_not_take_is_counted(model_path, tmp_path):
    write_csv(tmp_path / "log.csv", pump_rows(2000))
    command = [sys.executable, "-m", "saelite", "run", model_path, "--source", "csv:log.csv", "--sink", "jsonl:a.jsonl",
               "--sink", "csv:b.csv"]  # fmt: skip
    # A limit on the size of files stands for the disk: the write that reaches it is cut off in the same way.
    limited = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (50_000, 50_000))
    result = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, preexec_fn=limited)
    assert result.returncode == 1
    assert "1998 results reached no sink" in result.stderr
    assert result.stderr.count("a.jsonl is failing (OSError: [Errno 27] File too large); the others continue") == 1
    assert "3996 undelivered" in result.stderr
    for name, header in (("a.jsonl", ""), ("b.csv", "time,score")):
        assert (tmp_path / name).read_text().startswith(header)
        assert all(line.count("{") == line.count("}") for line in (tmp_path / name).read_text().splitlines())


def test_files_are_rotated(saelite, model_path, tmp_path):
    write_csv(tmp_path / "log.csv", pump_rows(30_000))
    saelite("run", model_path, "--source", "csv:log.csv", "--sink", "jsonl:a.jsonl?max_mb=1&keep=2")
    sizes = {path.name: path.stat().st_size for path in tmp_path.glob("a.jsonl*")}
    assert set(sizes) == {"a.jsonl", "a.jsonl.1", "a.jsonl.2"}


def test_function_of_the_users_own_as_source(saelite, model_path, tmp_path):
    (tmp_path / "mine.py").write_text(
        "def readings():\n    for n in range(20):\n"
        "        yield {'flow': 33 + n % 3, 'pressure': 103000, 'current': 1.6, 'vibration': 0.003}\n"
    )
    result = saelite("run", model_path, "--source", "mine:readings")
    assert result.stdout.count('"drift"') == 18, result.stderr


def test_source_that_dies_is_opened_again(saelite, model_path, tmp_path):
    (tmp_path / "mine.py").write_text(
        "lives = []\n\n\ndef readings():\n    lives.append(1)\n    for n in range(5):\n"
        "        yield [33 + n, 103000, 1.6, 0.003]\n    if len(lives) < 3:\n        raise OSError('unplugged')\n"
    )
    result = saelite("run", model_path, "--source", "mine:readings")
    assert result.returncode == 0, result.stderr
    assert "mine:readings is lost (OSError: unplugged); retrying" in result.stderr
    assert "15 read" in result.stderr
    assert "2 reconnects" in result.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--source", "carrier:pigeon/x"], ["--source", "expected one of"]),
        (["--source", "nothing:here"], ["cannot find 'nothing:here'"]),
        (["--source", "-", "--sink", "smoke"], ["--sink", "expected one of"]),
        (["--source", "-", "--sink", "mqtt://user:secret@host"], ["SAELITE_MQTT_PASSWORD"]),
        (["--source", "mqtt://host"], ["which topic"]),
        (["--source", "serial:/dev/x?baud=fast"], ["baud", "fast"]),
        (["--source", "-", "--debounce", "3"], ["expected N/M"]),
        (["--source", "-", "--debounce", "3/2"], ["1 <= N <= M"]),
        (["--source", "-", "--exit-ratio", "2"], ["--exit-ratio"]),
        (["--source", "-", "--mean-rate", "1"], ["--mean-rate", "0<=x<1"]),
    ],
)
def test_calls_that_cannot_be_meant_are_refused(saelite, model_path, options, words):
    result = saelite("run", model_path, *options, stdin=subprocess.DEVNULL)
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    assert "secret" not in result.stderr
    for word in words:
        assert word in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("source", "word"), [("csv:none.csv", "no such file"), ("serial:/dev/none", "cannot open the serial port")]
)
def test_sources_that_are_not_there_are_named(saelite, model_path, source, word):
    result = saelite("run", model_path, "--source", source)
    assert (result.returncode, len(result.stderr.splitlines())) == (1, 1)
    assert word in result.stderr


def test_missing_column_is_named(saelite, model_path, tmp_path):
    write_csv(tmp_path / "three.csv", pump_rows(5)[:, :3], SENSORS[:3])
    result = saelite("run", model_path, "--source", "csv:three.csv")
    assert result.returncode == 1
    assert "lacks 1 of the model's 4 sensors: vibration" in result.stderr
