"""New model files in a running stream: tried out first, of the right name, never older; the last good one is kept."""

import select
import signal
import time
from dataclasses import replace

import numpy as np
import pytest
from live_process import PATIENCE_S, next_score, start, timed_line, until
from machines import SENSORS, pump_rows, write_csv

from edge_runtime.errors import ModelFileError
from edge_runtime.inference.opening import Opening
from edge_runtime.model_file.container import ModelFile
from edge_runtime.model_file.signature import write_key_pair
from edge_runtime.running import trial
from edge_runtime.running.model_keeper import ModelKeeper, ModelSettings
from edge_runtime.running.settings import Acceptance


def named(model, **changes):
    """Return the model with other manifest fields."""
    return replace(model, manifest=replace(model.manifest, **changes))


@pytest.fixture
def begin(model_path, tmp_path):
    """Start a stream that has scored a few readings."""
    processes = []

    def run(*options):
        process = start(model_path, "--source", "-", "--stale-after", "1h", *options, cwd=tmp_path)
        processes.append(process)
        process.stdin.write((",".join(["time", *SENSORS]) + "\n").encode())
        process.stdin.write(b"".join(map(timed_line, range(5), pump_rows(5))))
        assert next_score(process) > 0
        return process

    yield run
    for process in processes:
        process.kill()
        process.communicate()


def told_after_hangup(process, words):
    """Have the model file looked at, again if need be, until standard error says these words."""
    stop = time.monotonic() + PATIENCE_S
    while time.monotonic() < stop:
        process.send_signal(signal.SIGHUP)
        while select.select([process.stderr], [], [], 5.0)[0]:
            if words in process.stderr.readline():
                return
    pytest.fail(f"never said: {words.decode()}")


def goes_on(process):
    process.stdin.write(timed_line(9, pump_rows(1)[0]))
    assert next_score(process) > 0


@pytest.fixture
def settings(model_path, tmp_path):
    def load(content):
        return Opening().open(model_path, content)

    return ModelSettings(model_path, load, lambda _: None, tmp_path / "last.tflite")


CRASHES = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
HANGS = "import time; time.sleep(1000)"
EATS = "from edge_runtime.running.trial import _limit_this_process as limit; limit(); b = bytearray(4 << 30)"


@pytest.mark.parametrize(
    ("code", "words"), [(CRASHES, "signal 11"), (HANGS, "did not end within"), (EATS, "MemoryError")]
)
def test_what_happens_to_a_trial_is_an_error_of_ours(exported, tmp_path, monkeypatch, code, words):
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\nexec {trial.sys.executable} -c "{code}"\n')
    program.chmod(0o700)
    monkeypatch.setattr(trial.sys, "executable", str(program))
    monkeypatch.setattr(trial, "TRIAL_S", 2 if code is HANGS else 60)
    with pytest.raises(ModelFileError, match=words):
        trial.try_out(exported.to_bytes(), "m.tflite", "auto", 1)


def test_good_file_passes_its_trial_and_a_bad_one_says_why(exported, capfd):
    trial.try_out(exported.to_bytes(), "m.tflite", "auto", 1)
    never = named(exported, threshold=exported.manifest.threshold._replace(value=-1.0)).to_bytes()
    with pytest.raises(ModelFileError, match=r"threshold\.value"):
        trial.try_out(never, "m.tflite", "auto", 1)
    assert capfd.readouterr() == ("", "")


def test_file_that_crashes_the_runtime_does_not_end_the_stream(begin, model_path, exported, tmp_path):
    # Where the runtime crashes is its secret; so the trial's own process is made to, by its memory limit.
    process = begin("--state", "s.json")
    content = named(exported, version=1).to_bytes()
    process_environment = tmp_path / "sitecustomize.py"
    process_environment.write_text(
        "import os, signal, sys\nif 'edge_runtime.running.trial' in ' '.join(sys.orig_argv):\n"
        "    os.kill(os.getpid(), signal.SIGSEGV)\n"
    )
    model_path.write_bytes(content)
    told_after_hangup(process, b"killed by signal 11")
    goes_on(process)
    process_environment.unlink()
    told_after_hangup(process, b"is loaded; the window is kept")
    goes_on(process)


def test_last_good_file_is_used_after_a_restart_with_a_bad_one(begin, model_path, tmp_path, saelite):
    process = begin("--state", "s.json")
    until((tmp_path / "s.json.model").exists)
    process.kill()
    process.communicate()
    model_path.write_bytes(b"no model")
    write_csv(tmp_path / "log.csv", pump_rows(5))
    result = saelite("run", model_path, "--source", "csv:log.csv", "--state", "s.json")
    assert result.returncode == 0, result.stderr
    assert "not a TFLite file" in result.stderr
    assert "Continuing with the last good file, s.json.model" in result.stderr
    assert "5 read" in result.stderr


def test_without_a_last_good_file_a_bad_one_ends_the_start(settings):
    settings.path.write_bytes(b"no model")
    with pytest.raises(ModelFileError, match="not a TFLite file"):
        ModelKeeper(settings, lambda _: None).start()


def test_last_good_file_must_pass_what_any_file_must(settings, exported):
    named(exported, name="other").write(settings.last_good)
    settings.path.write_bytes(b"no model")
    with pytest.raises(ModelFileError):
        ModelKeeper(replace(settings, acceptance=Acceptance(exported.manifest.name)), lambda _: None).start()


def replaced(keeper, detector, content, settings):
    """Put another file there, and return the detector that comes of it."""
    settings.path.write_bytes(content)
    keeper.look(detector, asked=True)
    until(lambda: keeper._trial is None or keeper._trial.done)
    return keeper.look(detector, asked=False)


def test_file_of_another_machine_is_refused_though_the_same_key_signed_it(settings, exported, tmp_path):
    public = write_key_pair(tmp_path / "maker.pem")
    named(exported, name="pump-7").signed(tmp_path / "maker.pem").write(settings.path)
    opening = Opening(trusted_key=(public,))
    settings = replace(
        settings, acceptance=Acceptance("pump-7"), load=lambda content: opening.open(settings.path, content)
    )
    told = []
    keeper = ModelKeeper(settings, told.append)
    detector = keeper.start()
    threshold = exported.manifest.threshold._replace(value=1e9)
    other = named(exported, name="pump-8", threshold=threshold).signed(tmp_path / "maker.pem")
    assert replaced(keeper, detector, other.to_bytes(), settings) is None
    assert "expected the name 'pump-7'. Received: 'pump-8'" in told[-1]
    assert keeper.refused == 1


def test_older_version_is_refused_unless_asked_for(settings, exported):
    named(exported, version=3).write(settings.path)
    told = []
    keeper = ModelKeeper(settings, told.append)
    detector = keeper.start()
    older, newer = (named(exported, version=version).to_bytes() for version in (2, 4))
    assert replaced(keeper, detector, older, settings) is None
    assert "expected version 3 or later. Received: 2" in told[-1]
    assert replaced(keeper, detector, newer, settings).manifest.version == 4
    willing = ModelKeeper(replace(settings, acceptance=Acceptance(allow_downgrade=True)), told.append)
    assert replaced(willing, willing.start(), older, settings).manifest.version == 2


def test_older_version_is_refused_after_a_restart_too(settings, exported):
    named(exported, version=3).write(settings.path)
    ModelKeeper(settings, lambda _: None).start()
    named(exported, version=2).write(settings.path)
    told = []
    keeper = ModelKeeper(settings, told.append)
    assert keeper.start().manifest.version == 3
    assert "Continuing with the last good file" in told[0]


def test_command_line_expects_a_name(saelite, model_path, tmp_path):
    write_csv(tmp_path / "log.csv", pump_rows(5))
    result = saelite("run", model_path, "--source", "csv:log.csv", "--expect-name", "other")
    assert result.returncode == 1
    assert "expected the name 'other'" in result.stderr


def test_hostile_graphs_never_end_the_stream(begin, model_path, exported, tmp_path):
    process = begin("--state", "s.json")
    rng = np.random.default_rng(5)
    for _ in range(3):
        content = bytearray(exported.flatbuffer)
        for place in rng.integers(0, len(content), 3):
            content[place] = rng.integers(0, 256)
        other = ModelFile(bytes(content), exported.manifest, exported.arrays)
        named(other, flatbuffer_sha256=other.sha256).write(model_path)
        process.send_signal(signal.SIGHUP)
        message = process.stderr.readline()
        assert b"refused" in message or b"is loaded" in message
        goes_on(process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
