"""Short versions of the long runs in tests/endurance, whose README says how to start those."""

from dataclasses import replace

import pytest
from broker import MOSQUITTO
from calendar_clock import SHORT
from chaos import make_model, problems_of
from fuzz_http import fuzz as fuzz_http
from fuzz_http import metrics, page
from fuzz_models import MOST_MB, fuzz
from fuzz_states import fuzz as fuzz_states
from live_chaos import MOST_MB as MOST_MB_OF_A_STREAM
from live_chaos import problems_of as live_problems_of
from streaming_machine import rows_of, write_model
from year import WINDOW, simulate

from edge_runtime.inference.detector import Detector
from edge_runtime.inference.runtimes import NUMPY, Runtime, installed_runtimes


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("chaos"))


@pytest.mark.parametrize("seed", [3, 4, 17, 18])
def test_no_alarm_of_the_oracles_is_missing_or_late(model, seed):
    assert problems_of(model, seed) == []


@pytest.mark.parametrize("runtime", [*(runtime.name for runtime in installed_runtimes()), NUMPY])
def test_no_damaged_model_file_ends_a_process(model_path, runtime):
    outcome = fuzz(model_path, 5, 400, runtime)
    assert outcome.ended == ()
    assert outcome.opened > 20
    assert outcome.peak_mb <= MOST_MB


def test_state_with_any_value_anywhere_is_refused_or_harmless(model):
    taken, problems = fuzz_states(Detector(model, Runtime(NUMPY)), rows_of(1500).astype("float64"), 400, 2)
    assert problems == []
    assert 10 < taken < 200


@pytest.mark.parametrize(("served", "requests"), [(metrics, 300), (page, 100)])
def test_no_request_stops_a_server_or_is_printed(served, requests):
    assert fuzz_http(served, requests, 2) == []


@pytest.mark.skipif(MOSQUITTO is None, reason="no mosquitto here (Debian: apt-get install mosquitto)")
@pytest.mark.parametrize("seed", [0, 2])
def test_real_stream_with_a_real_broker_and_hanging_sinks_keeps_its_word(model, seed):
    problems, peak_mb = live_problems_of(model.to_bytes(), seed)
    assert problems == []
    assert 20 < peak_mb <= MOST_MB_OF_A_STREAM


@pytest.fixture(scope="module")
def windows_of_four(tmp_path_factory):
    path = tmp_path_factory.mktemp("year") / "m.tflite"
    write_model(path, window=WINDOW)
    return path.read_bytes()


@pytest.mark.parametrize(("block", "seconds"), [(1, 4500), (700, SHORT.seconds)])
def test_year_in_short_loses_no_reading_and_no_fault(windows_of_four, tmp_path, block, seconds):
    (tmp_path / "m.tflite").write_bytes(windows_of_four)
    year = simulate(tmp_path / "m.tflite", replace(SHORT, seconds=seconds), 1, block, mean_rate=1e-4)
    assert year.problems == []
    assert (year.total("read"), len(year.weeks)) == (seconds, -(-seconds // SHORT.week))
    assert min(year.total("backwards"), year.total("alarms")) > 0
