"""`saelite run --registry` as a process: new models come and bad ones go by themselves, no reading is lost."""

import json
import signal
import threading
import time
import urllib.request
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from broker import MOSQUITTO, free_port, mosquitto, retained
from live_process import PATIENCE_S, start, timed_line, until
from machines import SENSORS, pump_rows
from registries import ASSET, PROMISE, Maker, served, small_model

from edge_runtime.model_file.container import read_model_file
from edge_runtime.registry.device_state import read_device_state
from edge_runtime.registry.probation import STARTS
from edge_runtime.verification.reference_run import reference_arrays
from saelite.publishing.publish import publish as publish_models
from saelite.publishing.publish_settings import PublishSettings

ROWS = pump_rows(400)


class Run:
    """A running device that is fed with readings all the time."""

    def __init__(self, folder, maker, *options, registry="registry", env=None):
        self.folder, self.results = folder, []
        words = ["pump.tflite", "--source", "-", "--registry", registry, "--asset", ASSET, "--state", "s.json",
                 "--trusted-key", maker.public, "--registry-interval", "0.2s", "--stale-after", "1h"]  # fmt: skip
        self.process = start(*words, *options, cwd=folder, env=env or {})
        self.told, self.number, self._sending = [], 0, True
        threads = ((self._send, "stdin"), (self._read, "stdout"), (self._hear, "stderr"))
        self._threads = [threading.Thread(target=one, daemon=True) for one, _ in threads]
        for thread in self._threads:
            thread.start()

    def _send(self):
        with suppress(OSError):
            self.process.stdin.write((",".join(["time", *SENSORS]) + "\n").encode())
            while self._sending:
                self.process.stdin.write(timed_line(self.number, ROWS[self.number % len(ROWS)]))
                self.number += 1
                time.sleep(0.005)

    def _read(self):
        for line in self.process.stdout:
            with suppress(ValueError):
                self.results.append(json.loads(line))

    def _hear(self):
        for line in self.process.stderr:
            self.told.append(line.decode())

    def events(self, name):
        return [one for one in list(self.results) if one.get("event") == name]

    def heard(self, words):
        return any(words in line for line in list(self.told))

    @property
    def version(self):
        return read_model_file(self.folder / "pump.tflite").manifest.version

    def end(self, number=signal.SIGTERM):
        """End it; return the exit code."""
        self._sending = False
        self._threads[0].join()
        self.process.send_signal(number)
        code = self.process.wait(timeout=PATIENCE_S)
        for thread in self._threads[1:]:
            thread.join()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()
        return code


def publish(maker, folder, model):
    """Publish any model."""
    model.write(folder / "special.tflite")
    publish_models(folder / "special.tflite", str(maker.registry), PublishSettings(sign=maker.key, asset=(ASSET,)))


@pytest.fixture
def maker(tmp_path):
    return Maker(tmp_path)


@pytest.fixture
def begin(maker, tmp_path):
    """Start devices that end with the test."""
    runs = []

    def make(*options, **keywords):
        runs.append(Run(tmp_path, maker, *options, **keywords))
        return runs[-1]

    yield make
    for run in runs:
        if run.process.poll() is None:
            run.end(signal.SIGKILL)


def test_new_model_comes_over_http_is_switched_to_without_losing_the_window_and_is_told(maker, begin):
    maker.publish(1)
    with served(maker.registry) as (address, _):
        run = begin(registry=address)
        until(lambda: run.results)
        maker.publish(2)
        until(lambda: run.events("model_taken"))
        seen = len(run.results)
        until(lambda: len(run.results) > seen + 50)
    assert run.end() == 0
    assert run.version == 2
    assert run.events("model_taken")[0]["version"] == 2
    scores = [one for one in run.results if "event" not in one]
    # The window is of two readings: only the first reading of all fills it.
    assert len(scores) == run.number - 1
    assert run.heard(f"{run.number} read, {run.number - 1} scored, 1 filling, 1 reloads")


def test_model_that_crashes_the_process_is_rolled_back_by_itself(maker, begin, tmp_path):
    # Where a runtime crashes is its secret, so the process is made to, whenever it opens this model outside its trial.
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "if 'edge_runtime.running.trial' not in ' '.join(sys.orig_argv):\n"
        "    from edge_runtime.inference import opening\n"
        "    opened = opening.Opening.open\n"
        "    def crash(self, model, content=None):\n"
        "        detector = opened(self, model, content)\n"
        "        if detector.manifest.version == 2: os.kill(os.getpid(), signal.SIGSEGV)\n"
        "        return detector\n"
        "    opening.Opening.open = crash\n"
    )
    maker.publish(1)
    run = begin()
    until(lambda: run.results)
    maker.publish(2)
    run.process.wait(timeout=PATIENCE_S)
    assert run.end() == -signal.SIGSEGV
    for _ in range(STARTS):
        run = begin()
        run.process.wait(timeout=PATIENCE_S)
        assert run.end() == -signal.SIGSEGV
    run = begin()
    until(lambda: run.events("model_rolled_back"))
    until(lambda: len(run.results) > 20)
    assert run.end() == 0
    assert run.version == 1
    assert run.heard("version 2 is rolled back, and not fetched again: it was started several times")
    assert read_device_state(tmp_path / "s.json.registry").refused == (maker.sha256(2),)


def test_model_that_alarms_far_above_its_promise_is_rolled_back_by_itself(maker, begin, tmp_path):
    maker.publish(1)
    run = begin()
    until(lambda: run.results)
    nervous = PROMISE._replace(value=13.0)  # half of the scores are above
    maker.publish(2, threshold=nervous)
    until(lambda: run.events("model_rolled_back"))
    until(lambda: len(run.events("model_taken")) == 2)
    assert run.end() == 0
    assert run.version == 1
    assert "at most 2 in 24 hours" in run.events("model_rolled_back")[0]["reason"]
    assert run.heard("1 rollbacks")


def test_model_that_does_not_detect_here_as_at_export_is_refused_by_its_trial(maker, begin, tmp_path):
    maker.publish(1)
    run = begin()
    until(lambda: run.results)
    publish(maker, tmp_path, with_other_outputs(small_model(2)))
    until(lambda: run.events("model_refused"))
    seen = len(run.results)
    until(lambda: len(run.results) > seen + 20)
    assert run.end() == 0
    assert run.version == 1
    assert "does not detect here as it did at export" in run.events("model_refused")[0]["reason"]
    assert run.events("model_taken") == []


def with_other_outputs(model):
    """Return a model with reference windows, and outputs for them that no runtime here gives."""
    windows = np.stack([ROWS[start : start + 2] for start in range(0, 16, 2)])
    faulty = np.arange(8) >= 4
    codes, scores = np.zeros((8, len(model.manifest.mean_activation)), np.float32), np.full(8, 999, np.float32)
    return replace(model, arrays={**model.arrays, **reference_arrays(windows, faulty, codes, scores)})


def test_other_sensors_are_refused_and_the_model_before_goes_on(maker, begin, tmp_path):
    maker.publish(1)
    run = begin()
    until(lambda: run.results)
    model = small_model(2)
    sensors = tuple(sensor._replace(name=f"{sensor.name}2") for sensor in model.manifest.spec.sensors)
    spec = model.manifest.spec._replace(sensors=sensors)
    publish(maker, tmp_path, replace(model, manifest=replace(model.manifest, spec=spec)))
    until(lambda: run.events("model_rolled_back"))
    seen = len(run.results)
    until(lambda: len(run.results) > seen + 20)
    assert run.end() == 0
    assert run.version == 1
    assert "expected a model of the same sensors" in run.events("model_rolled_back")[0]["reason"]


def test_registry_that_is_away_ends_nothing_but_a_first_start(maker, begin, tmp_path):
    run = begin()
    assert run.process.wait(timeout=PATIENCE_S) == 1
    run.end()
    assert run.heard("cannot read registry/index.signed")
    maker.publish(1)
    run = begin()
    until(lambda: run.results)
    maker.registry.rename(tmp_path / "away")
    until(lambda: run.heard("The stream continues."))
    seen = len(run.results)
    until(lambda: len(run.results) > seen + 20)
    assert run.end() == 0
    run = begin()
    until(lambda: run.results)
    assert run.end() == 0


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
def test_owner_learns_by_mqtt_and_prometheus_which_version_runs_where(maker, begin, tmp_path):
    maker.publish(1)
    port = free_port()
    with mosquitto(tmp_path) as broker:
        sinks = ("--sink", "jsonl:-", "--sink", f"mqtt://127.0.0.1:{broker}/site", "--sink", f"prometheus:{port}")
        run = begin(*sinks)
        until(lambda: run.results)
        maker.publish(2)

        def status():
            return json.loads(retained(broker, "site/status", 1)["site/status"])

        until(lambda: status().get("registry") == "probation" and status()["model_version"] == 2)
        found = status()
        assert (found["model"], found["registry_index"], found["model_sha256"]) == ("network", 2, maker.sha256(2))
        entities = retained(broker, "homeassistant/sensor/+/+/config", 7)
        for key in ("model_version", "registry"):
            (topic,) = [topic for topic in entities if f"/{key}/" in topic]
            assert json.loads(entities[topic])["value_template"] == f"{{{{ value_json.{key} }}}}"
        metrics = scraped(port)
    assert "saelite_model_info{" in metrics
    assert 'machine="network",name="network",version="2"' in metrics
    assert f'saelite_registry_info{{machine="network",sha256="{maker.sha256(2)}",state="probation"}} 1.0' in metrics
    assert 'saelite_registry_index{machine="network"} 2.0' in metrics
    assert 'saelite_readings_rollbacks_total{machine="network"} 0.0' in metrics
    assert run.end() == 0


def scraped(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S) as answer:
        return answer.read().decode()


def test_options_that_a_registry_needs_are_asked_for(saelite, maker):
    maker.publish(1)
    result = saelite("run", "pump.tflite", "--source", "-", "--registry", "registry")
    assert result.returncode == 2
    assert "expected --asset NAME with it" in result.stderr
    result = saelite("run", "pump.tflite", "--source", "-", "--registry", "registry", "--asset", "pump7")
    assert result.returncode == 2
    assert "expected --state FILE" in result.stderr
