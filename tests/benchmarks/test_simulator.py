"""The simulator: reproducible, modes that differ, days of 24 hours, and faults that touch what they should."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.simulator import KINDS, MachineSettings, simulate
from benchmarks.simulator.faults import LEAK, SENSOR_FAULTS
from benchmarks.simulator.modes import STANDSTILL, mode_rows
from benchmarks.simulator.noise import autocorrelated
from edge_runtime.errors import UsageError
from training.recordings import read_recording

SMALL = MachineSettings(rows=600, sensors=5)
DAYS = MachineSettings(rows=14 * 1440, sensors=6)


@pytest.fixture(scope="module")
def machine():
    return simulate(replace(SMALL, modes=2), seed=4)


@given(
    st.builds(
        MachineSettings,
        rows=st.integers(1, 300),
        sensors=st.integers(1, 6),
        drivers=st.integers(1, 4),
        rate_hz=st.sampled_from([1 / 60, 1.0, 100.0]),
        modes=st.integers(1, 12),
        season=st.floats(0, 2),
        drift=st.floats(0, 2),
        wear=st.floats(0, 2),
        standstill=st.floats(0, 0.9),
    ),
    st.integers(0, 100),
)
@settings(max_examples=50)
def test_every_machine_is_finite_and_the_same_again(kind, seed):
    one, again = simulate(kind, seed), simulate(kind, seed)
    assert one.values.shape == (kind.rows, kind.sensors)
    assert one.values.dtype == np.float32
    assert np.isfinite(one.values).all()
    np.testing.assert_array_equal(one.values, again.values)
    np.testing.assert_array_equal(one.modes, again.modes)
    assert set(one.modes.tolist()) <= {STANDSTILL, *range(kind.modes)}


def test_another_seed_is_another_machine():
    assert not np.array_equal(simulate(SMALL, 0).values, simulate(SMALL, 1).values)


@given(st.sampled_from(KINDS), st.integers(0, 4), st.integers(0, 500), st.integers(1, 99), st.integers(0, 9))
@settings(max_examples=100)
def test_a_fault_touches_its_rows_and_its_sensor_alone(machine, kind, sensor, start, length, seed):
    name = machine.sensors[sensor]
    faulty = machine.with_fault(kind, name, start, start + length, 2.0, np.random.default_rng(seed))
    changed = faulty.values != machine.values
    assert not changed[:start].any()
    assert not changed[start + length :].any()
    assert np.flatnonzero(faulty.labels).tolist() == list(range(start, start + length))
    assert faulty.faults[0].culprit == name
    if kind != LEAK:
        assert set(np.flatnonzero(changed.any(axis=0))) <= {sensor}
    if kind not in {"stuck", LEAK} and length > 1:
        assert changed[:, sensor].any()


def test_ten_kinds_of_faults_do_what_their_names_say(machine):
    rows, column = slice(200, 300), 2
    usual = machine.values[:, column].astype(float)
    sigma = machine.sigmas[column]

    def faulty(kind, size=2.0):
        one = machine.with_fault(kind, machine.sensors[column], 200, 300, size, np.random.default_rng(1))
        return one.values[:, column].astype(float)

    moved = {kind: faulty(kind)[rows] - usual[rows] for kind in KINDS}
    assert len(KINDS) == 10
    np.testing.assert_allclose(np.abs(moved["bias"]), 2 * sigma, rtol=1e-4)
    assert moved["drift"][0] == pytest.approx(0, abs=1e-4)
    assert abs(moved["drift"][-1]) == pytest.approx(2 * sigma, rel=1e-4)
    assert 1 <= (moved["spikes"] != 0).sum() < 30
    assert np.ptp(faulty("stuck")[rows]) == 0
    assert moved["noise"].std() == pytest.approx(2 * sigma, rel=0.3)
    assert np.isin(faulty("decorrelated")[rows], usual).all()
    np.testing.assert_allclose(faulty("scale")[rows] - usual.mean(), 3 * (usual[rows] - usual.mean()), rtol=1e-4)
    assert (faulty("dropout")[rows] == 0).all()
    assert abs(moved["leak"][-1]) == pytest.approx(2 * sigma, rel=1e-4)
    short = faulty("lag", size=0.3)[rows]
    delays = [delay for delay in range(1, 200) if np.array_equal(short, usual[200 - delay : 300 - delay])]
    assert len(delays) == 1


def test_a_leak_moves_several_sensors_and_a_sensor_fault_one():
    plant = simulate(replace(SMALL, sensors=20), seed=0)

    def moved(kind):
        faulty = plant.with_fault(kind, plant.sensors[3], 100, 500, 2.0, np.random.default_rng(0))
        return int((faulty.values != plant.values).any(axis=0).sum())

    assert 5 <= moved(LEAK) < 20
    assert {moved(kind) for kind in SENSOR_FAULTS} == {1}


def test_faults_add_up(machine):
    rng = np.random.default_rng(0)
    first, second = machine.sensors[1:3]
    twice = machine.with_fault("bias", first, 10, 20, 1.0, rng).with_fault("stuck", second, 50, 60, 1.0, rng)
    assert [fault.culprit for fault in twice.faults] == [first, second]
    assert twice.labels.sum() == 20
    assert machine.faults == ()


def test_modes_differ_and_last_as_long_as_asked():
    kind = replace(DAYS, modes=3, dwell_s=3600.0)
    plant = simulate(kind, seed=1)
    changes = np.flatnonzero(np.diff(plant.modes)) + 1
    assert np.diff(changes).mean() * 60 == pytest.approx(3600, rel=0.2)
    assert sorted(set(plant.modes.tolist())) == [0, 1, 2]
    scaled = (plant.values - plant.values.mean(axis=0)) / plant.values.std(axis=0)
    means = np.stack([scaled[plant.modes == mode].mean(axis=0) for mode in range(3)])
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.linalg.norm(means[one] - means[other]) > 1.0


def test_one_mode_is_less_varied_than_three():
    single, three = simulate(DAYS, 0), simulate(replace(DAYS, modes=3), 0)
    np.testing.assert_array_equal(single.modes, 0)
    # The first mode is the machine's own: the others add to it, and change nothing in its mix.
    np.testing.assert_array_equal(single.weights, three.weights)
    assert three.values.std(axis=0).mean() > 1.2 * single.values.std(axis=0).mean()


def test_the_season_has_a_period_of_24_hours():
    # The same seed without a season leaves nothing but the season in the difference.
    moved = (simulate(replace(DAYS, season=1.0), 2).values - simulate(DAYS, 2).values)[:, 1:]
    power = np.abs(np.fft.rfft(moved - moved.mean(axis=0), axis=0))
    assert (power.argmax(axis=0) == 14).all()
    np.testing.assert_allclose(moved[1440:], moved[:-1440], atol=1e-3)


def test_drift_grows_with_the_root_of_time_and_wear_in_a_line():
    seeds = range(30)
    still = replace(DAYS, rows=4 * 1440 + 1, sensors=10)
    unit = np.stack([simulate(still, seed).values for seed in seeds])[:, :, 1:]
    scale = unit.std(axis=(0, 1))
    drifted = np.stack([simulate(replace(still, drift=1.0), seed).values for seed in seeds])[:, :, 1:] - unit
    spread = (drifted / scale).std(axis=(0, 2))
    assert spread[4 * 1440] / spread[1440] == pytest.approx(2.0, rel=0.15)
    worn = simulate(replace(still, wear=1.0), 0).values - simulate(still, 0).values
    np.testing.assert_allclose(worn[2 * 1440], 2 * worn[1440], atol=1e-2)
    assert 1 <= (np.abs(worn[-1]) > 0.01).sum() <= 4


def test_at_standstill_no_current_flows_and_sensors_cool_down():
    plant = simulate(replace(DAYS, standstill=0.2), seed=3)
    off = plant.modes == STANDSTILL
    assert off.mean() == pytest.approx(0.2, abs=0.08)
    current = plant.values[:, plant.sensors.index("current")]
    assert current[off].max() < 0.5 < current[~off].min()
    long_off = off & np.roll(off, 90)
    assert (
        plant.values[long_off].mean(axis=0) < plant.values[~off].mean(axis=0) - plant.values[~off].std(axis=0)
    ).all()


def test_noise_is_as_correlated_as_asked_and_of_variance_one():
    noise = autocorrelated(200_000, np.array([5.0, 20.0]), np.random.default_rng(0))
    np.testing.assert_allclose(noise.var(axis=0), 1.0, rtol=0.1)
    for column, memory in zip(noise.T, (5, 20), strict=True):
        assert np.corrcoef(column[:-memory], column[memory:])[0, 1] == pytest.approx(np.exp(-1), abs=0.05)


def test_a_chain_of_modes_never_stays():
    rng = np.random.default_rng(0)
    kind = MachineSettings(rows=5000, modes=2, dwell_s=60.0)
    lengths = np.diff(np.flatnonzero(np.diff(mode_rows(kind, rng))))
    assert lengths.max() <= 5  # a dwell of one row on average, gamma distributed, and never two in a row


@pytest.mark.parametrize("wrong", [{"modes": 13}, {"modes": 0}, {"rows": 0}, {"standstill": 1.0}, {"rate_hz": 0.0}])
def test_machines_that_cannot_be_are_refused(wrong):
    with pytest.raises(UsageError, match="expected"):
        MachineSettings(**wrong)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("melt", "current", 0, 5), "unknown fault"), (("bias", "colour", 0, 5), "unknown sensor"),
     (("bias", "current", 5, 5), "rows of a fault"), (("bias", "current", 0, 601), "between 0 and 600")],
)  # fmt: skip
def test_faults_that_cannot_be_are_refused(machine, arguments, words):
    with pytest.raises(UsageError, match=words):
        machine.with_fault(*arguments, 1.0, np.random.default_rng(0))


def test_the_command_writes_recordings_that_can_be_read(saelite, tmp_path):
    done = saelite("bench", "simulate", "-o", "machine", "--rows", 400, "--sensors", 4, "--rate", "1/30")
    assert done.returncode == 0, done.stderr
    files = sorted((tmp_path / "machine").glob("*.csv"))
    assert {file.stem for file in files} == {"normal", *KINDS}
    for file in files:
        recording = read_recording(file)
        assert recording.values.shape == (200, 4)
        assert recording.rate_hz == pytest.approx(1 / 30)
        assert recording.labels.sum() == (0 if file.stem == "normal" else 20)


def test_a_rate_that_is_none_is_refused(saelite):
    done = saelite("bench", "simulate", "-o", "machine", "--rate", "often")
    assert done.returncode == 2
    assert "'often'" in done.stderr
