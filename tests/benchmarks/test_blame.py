"""Who is blamed: counting, the fault's rows, and a detector that names the sensor that was broken."""

import json

import numpy as np
import pytest

from benchmarks import blame, blame_trials
from benchmarks.accuracy.real_path import part_of
from benchmarks.blame import Blame, BlameBenchmark, table
from benchmarks.blame_trials import FAULTS, LEAD_ROWS, BlameTrial
from training.recordings import Recording


def independent(rows, seed):
    return np.random.default_rng(seed).normal(size=(rows, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def machine():
    names = ("a", "b", "c", "d")
    train, normal = Recording("m", names, independent(1200, 0)), Recording("m", names, independent(700, 1))
    return BlameTrial("m", train, normal, np.ones(4))


def test_a_fault_begins_after_the_lead_and_stays_in_its_sensor(machine):
    for fault in FAULTS:
        normal, broken = machine.stretch(fault, "c", np.random.default_rng(0))
        changed = normal.values != broken.values
        assert np.flatnonzero(changed.any(axis=0)).tolist() == [2]
        assert np.flatnonzero(changed[:, 2])[0] >= LEAD_ROWS
        assert len(broken.values) == LEAD_ROWS + blame_trials.FAULT_ROWS


def test_a_large_bias_of_an_independent_sensor_is_blamed_on_it(machine):
    found = {one.fault: one for one in blame.measure([(machine, 0)]).blames}
    assert list(found) == list(FAULTS)
    large = found["bias of 3 σ"]
    assert large.windows <= 4 * blame_trials.FAULT_ROWS
    assert 0 < large.alarms <= large.windows
    assert large.named_first <= large.named_among_three <= large.alarms
    # Of four sensors chance would name it in a quarter of the alarms.
    assert large.first > 0.6


def test_shares_are_of_alarms_and_means_over_seeds():
    blames = tuple(
        Blame("m", fault, seed, windows=100, alarms=alarms, named_first=first, named_among_three=alarms)
        for fault in FAULTS
        for seed, alarms, first in ((0, 50, 25), (1, 10, 10))
    )
    rows = table(BlameBenchmark(blames))
    assert rows[1] == ("m", "bias of 1 σ", "30.0%", "75.0% ± 25.0%", "100.0% ± 0.0%")
    assert rows[-1][1] == "all"
    assert len(rows) == len(FAULTS) + 2


def test_a_sensor_that_ties_with_another_is_not_named():
    contributions = np.array([[1.0, 1.0, 0.0], [2.0, 1.0, 0.0]], np.float32)
    assert blame._named(contributions, 0) == (2, 1, 2)


def test_without_an_alarm_there_is_no_share():
    quiet = Blame("m", "stuck", 0, windows=10, alarms=0, named_first=0, named_among_three=0)
    assert quiet.first is None
    assert quiet.among_three is None


def test_simulated_machines_have_twenty_sensors_and_are_learnt_before_they_break():
    (trial,) = blame_trials.simulated(range(1))
    assert len(trial.train.sensors) == 20
    assert len(trial.train.values) > len(trial.normal.values) > LEAD_ROWS + blame_trials.FAULT_ROWS
    np.testing.assert_allclose(part_of(trial.train, 10).values, trial.train.values[:10])


@pytest.mark.realdata
def test_normal_recordings_of_collections_can_be_broken(realdata):
    (process,) = blame_trials.of_tep(realdata / "tep", range(1))
    (testbed,) = blame_trials.of_skab(realdata / "skab", range(1))
    assert (len(process.train.values), len(process.normal.values)) == (500, 960)
    assert len(testbed.train.sensors) == 8
    for trial in (process, testbed):
        normal, broken = trial.stretch("bias of 2 σ", trial.normal.sensors[0], np.random.default_rng(0))
        moved = (broken.values - normal.values)[-1, 0]
        assert abs(moved) == pytest.approx(2 * trial.sigmas[0], rel=1e-3)


def test_the_command_prints_a_table_and_writes_json(saelite, tmp_path):
    done = saelite("bench", "blame", "--seeds", 1, "--json", "blame.json")
    assert done.returncode == 0, done.stderr
    assert "named first" in done.stdout
    assert {one["fault"] for one in json.loads((tmp_path / "blame.json").read_text())["blames"]} == set(FAULTS)
