"""Bad input: one line that says what is wrong, exit code 1 (2 for usage), nothing written, no traceback."""

from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from machines import SENSORS, pump_rows, write_csv

from edge_runtime.errors import IntegrityError, ModelFileError
from edge_runtime.model_file.container import read_model_file
from saelite.cli import main


def fails(result, *words, code=1):
    lines = result.stderr.strip().splitlines()
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr, result.stderr
    assert len(lines) == (1 if code == 1 else len(lines)), result.stderr


@pytest.fixture
def saelite(tmp_path, monkeypatch):
    """Run the command in this process: dozens of errors need no dozens of imports of tensorflow."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        result = CliRunner().invoke(main, [*map(str, arguments)], prog_name="saelite")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return SimpleNamespace(returncode=result.exit_code, stdout=result.stdout, stderr=result.stderr)

    return run


@pytest.fixture
def log(tmp_path):
    return write_csv(tmp_path / "log.csv", pump_rows(50))


def bad_recordings(folder):
    rows = pump_rows(50)
    nan = rows.copy()
    nan[7, 2] = np.nan
    constant = rows.copy()
    constant[:, 1] = 3
    text = write_csv(folder / "text.csv", rows).read_text().splitlines()
    text[4] = "1,2,much,4"
    (folder / "text.csv").write_text("\n".join(text))
    (folder / "empty.csv").write_text("")
    (folder / "header.csv").write_text("a,b\n")
    write_csv(folder / "nan.csv", nan)
    write_csv(folder / "constant.csv", constant)
    write_csv(folder / "one.csv", rows[:1])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none.csv", ["no such file"]),
        ("empty.csv", ["is empty", "header"]),
        ("header.csv", ["no readings"]),
        ("one.csv", ["too few"]),
        (".", ["empty.csv is empty"]),
    ],
)
def test_train_refuses_bad_recordings(saelite, tmp_path, name, words):
    bad_recordings(tmp_path)
    fails(saelite("train", name, "-o", "run"), *words)
    assert not (tmp_path / "run").exists()


SPOILT = [("text.csv", ["line 5", "current", "expected a number", "much"]), ("nan.csv", ["line 9", "current"])]


@pytest.mark.parametrize(("name", "words"), SPOILT)
def test_cells_without_a_number_are_left_out_and_named_or_refused(saelite, model_path, tmp_path, name, words):
    bad_recordings(tmp_path)
    fails(saelite("train", name, "--on-missing", "error", "-o", "run"), *words, "--on-missing")
    fails(saelite("score", model_path, name, "--on-missing", "error", "-o", "s.csv"), *words, "--on-missing")
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "s.csv").exists()
    trained = saelite("train", name, "--epochs", 1, "-o", "run")
    scored = saelite("score", model_path, name, "-o", "s.csv")
    watched = saelite("run", model_path, "--source", f"csv:{name}", "--sink", "jsonl:r.jsonl")
    assert (trained.returncode, scored.returncode, watched.returncode) == (0, 0, 0)
    assert "missing values in 1 row: left out" in trained.stderr
    assert "1 row with missing values left out" in scored.stdout
    for result in (scored, watched):
        assert all(word in result.stderr for word in words)


@pytest.mark.parametrize(
    ("options", "words", "code"),
    [
        (["--sensors", "flow,heat"], ["no column heat", "Columns there"], 1),
        (["--exclude", "heat"], ["no column heat"], 1),
        (["--label", "heat"], ["no column heat"], 1),
        (["--rows", "100:200"], ["no readings in rows 100:200"], 1),
        (["--rows", "20:10"], ["START before STOP"], 2),
        (["--rows", "x"], ["START:STOP"], 2),
        (["--rho", "2"], ["--rho", "not in the range 0<x<1"], 2),
        (["--hidden", "a"], ["--hidden", "whole numbers"], 2),
        (["--head", "x"], ["--head"], 2),
    ],
)
def test_train_refuses_bad_options(saelite, tmp_path, log, options, words, code):
    fails(saelite("train", log, "-o", "run", *options), *words, code=code)
    assert not (tmp_path / "run").exists()


def test_constant_sensors_are_refused_on_request(saelite, tmp_path):
    bad_recordings(tmp_path)
    refused = saelite("train", "constant.csv", "-o", "run", "--constant-policy", "error")
    fails(refused, "pressure", "never move", "--constant-policy drop")


def test_train_does_not_replace_what_is_there(saelite, tmp_path, log):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("keep")
    fails(saelite("train", log, "-o", "run", "--overwrite"), "not a run folder")
    assert (tmp_path / "run" / "mine.txt").read_text() == "keep"


@pytest.mark.parametrize("command", ["inspect", "score", "bench"])
def test_commands_refuse_files_that_are_no_model(saelite, tmp_path, log, exported, command):
    content = exported.to_bytes()
    files = {
        "none.tflite": (None, "no such file"),
        "empty.tflite": (b"", "not a TFLite file"),
        "random.tflite": (np.random.default_rng(0).bytes(4096), "not a TFLite file"),
        "truncated.tflite": (content[: len(content) // 2], "truncated"),
        "foreign.tflite": (exported.flatbuffer, "truncated, damaged, or was not written by"),
    }
    if command == "inspect":
        del files["foreign.tflite"]  # it tells what it can of any file
        files["truncated.tflite"] = (files["truncated.tflite"][0], "the graph is damaged")
    for name, (data, word) in files.items():
        if data is not None:
            (tmp_path / name).write_bytes(data)
        arguments = [log, "-o", "scores.csv"] if command == "score" else []
        fails(saelite(command, name, *arguments), word)
    assert not (tmp_path / "scores.csv").exists()


def test_changed_graph_is_refused(exported, tmp_path):
    content = bytearray(exported.to_bytes())
    content[len(exported.flatbuffer) // 2] ^= 1
    (tmp_path / "changed.tflite").write_bytes(content)
    with pytest.raises(IntegrityError, match=r"was changed .*expected SHA-256 .*Received"):
        read_model_file(tmp_path / "changed.tflite")


def test_changed_manifest_is_refused(exported, tmp_path):
    content = bytearray(exported.to_bytes())
    content[len(exported.flatbuffer) + 200] ^= 1
    (tmp_path / "changed.tflite").write_bytes(content)
    with pytest.raises(ModelFileError):
        read_model_file(tmp_path / "changed.tflite")


def test_score_says_which_sensors_are_missing(saelite, model_path, tmp_path):
    write_csv(tmp_path / "three.csv", pump_rows(50)[:, :3], SENSORS[:3])
    fails(saelite("score", model_path, "three.csv", "-o", "s.csv"), "lacks 1", "vibration")
    assert not (tmp_path / "s.csv").exists()


def test_score_takes_sensors_in_any_order(saelite, model_path, tmp_path, log):
    write_csv(tmp_path / "turned.csv", pump_rows(50)[:, ::-1], SENSORS[::-1])
    assert saelite("score", model_path, log, "-o", "a.csv").returncode == 0
    assert saelite("score", model_path, "turned.csv", "-o", "b.csv").returncode == 0
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()


@pytest.mark.parametrize("name", ["none.csv", "empty.csv", "one.csv", "header.csv"])
def test_score_refuses_bad_recordings_and_writes_nothing(saelite, model_path, tmp_path, name):
    bad_recordings(tmp_path)
    result = saelite("score", model_path, name, "-o", "s.csv")
    assert result.returncode == 1
    assert len(result.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.glob("*s.csv*"))


def test_unwritable_places_are_named(saelite, model_path, log, tmp_path):
    fails(saelite("score", model_path, log, "-o", "no/such/folder/s.csv"), "no/such/folder", "does not exist")
    fails(saelite("train", log, "-o", "/proc/run"), "cannot write /proc/")
    fails(saelite("record", "-o", "no/such/folder/r.csv", "--duration", "1s"), "does not exist")
    (tmp_path / "file").write_text("")
    fails(saelite("demo", "-o", "file"), "file")


def test_export_refuses_what_is_no_run_folder(saelite, tmp_path):
    fails(saelite("export", "none", "-o", "m.tflite"), "no such file or folder", "run folder")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{")
    fails(saelite("export", "run", "-o", "m.tflite"), "damaged")
    assert not (tmp_path / "m.tflite").exists()


def test_usage_errors_end_with_two(saelite):
    fails(saelite("record", "-o", "r.csv", "--duration", "soon"), "time span", code=2)
    fails(saelite("score"), "Missing argument", code=2)
    fails(saelite("nonsense"), "No such command", code=2)
