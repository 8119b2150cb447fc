"""Short runs of endurance/chaos.py and endurance/fuzz_models.py; tests/endurance/README.md has the long ones."""

import pytest
from chaos import make_model, problems_of
from fuzz_models import MOST_MB, fuzz
from fuzz_states import fuzz as fuzz_states
from streaming_machine import rows_of

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
