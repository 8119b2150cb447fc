"""Rates of tracking are decided before anything is fitted, and windows are then those that the model sees."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.bundled import bundled_recording
from benchmarks.whole_loop import NORMAL_ROWS
from edge_runtime.model_file.manifest import CHOSEN_ON_EXPORT, DetectorSpec, Provenance, Scoring, Sensor
from edge_runtime.signal.preprocessing import Preprocessing
from export.fitting.fit_heads import modes_in
from export.fitting.followed_run import followed
from training.pipeline import train
from training.recordings import Columns, read_recording
from training.run_folder import Network, NormalWindows, RunFolder
from training.settings import DetectorSettings

SENSORS = 3


def run_of(rows, wish=CHOSEN_ON_EXPORT, *, is_series=True):
    windows = np.stack([rows[:-1], rows[1:]], axis=1).astype(np.float32)
    center, scale = rows.mean(axis=0), rows.std(axis=0)
    preprocessing = Preprocessing("standard", tuple(center.tolist()), tuple(scale.tolist()), window=2)
    spec = DetectorSpec(tuple(map(Sensor, "abc"[: rows.shape[1]])), preprocessing, wish)
    codes = np.zeros((len(windows), 1), np.float32)
    return RunFolder("pump", spec, Network(()), NormalWindows(windows, codes), is_series, Provenance({}, ""), {})


def noise(sensors=SENSORS, rows=600):
    return np.random.default_rng(0).normal(size=(rows, sensors))


def test_mean_of_a_machine_of_several_modes_is_not_followed():
    run = run_of(np.array([[-20.0, 0, 20], [20, 20, -20]])[np.arange(600) // 30 % 2] + noise())
    seen, modes = followed(run)
    assert modes > 1
    assert seen.spec.scoring[2:] == (0.0, 0.0)
    assert seen.windows is run.windows


def test_mean_of_a_machine_that_drifts_is_followed_to_the_end_of_the_recording():
    run = run_of(noise() + np.linspace(-3, 3, 600)[:, None] * [0, 1, 0])
    seen, modes = followed(run)
    assert (modes, seen.spec.scoring.mean_rate) == (1, 0.005)
    moved = np.subtract(seen.spec.preprocessing.center, run.spec.preprocessing.center)
    assert moved[1] > 1.0
    assert np.abs(moved[[0, 2]]).max() < 0.5
    assert seen.windows.windows[:, :, 1].std() < 0.8 * run.windows.windows[:, :, 1].std()


@pytest.mark.parametrize(("sensors", "rates"), [(1, (0.01, 1e-3)), (SENSORS, (0.005, 1e-4))])
def test_mean_and_scale_of_a_series_follow_slowly_and_of_a_single_sensor_faster(sensors, rates):
    assert followed(run_of(noise(sensors))).run.spec.scoring[2:] == rates


def test_rows_without_order_are_not_followed():
    run = run_of(noise(), is_series=False)
    seen, _ = followed(run)
    assert seen.spec.scoring[2:] == (0.0, 0.0)
    assert seen.windows is run.windows


def test_rates_that_were_asked_for_stay():
    assert followed(run_of(noise(), Scoring("inputs", 3, 0.25, 0.0))).run.spec.scoring == Scoring(
        "inputs", 3, 0.25, 0.0
    )


def test_windows_after_a_gap_begin_at_their_own_mean():
    rows = np.concatenate([noise(), noise() + 50.0])
    run = run_of(rows, Scoring("inputs", 1, 0.01, 0.0))
    run = replace(run, windows=replace(run.windows, starts=np.array([0, 600])))
    after = followed(run).run.windows.windows[600:]
    assert np.abs(after[:50].mean() - after[-50:].mean()) < 0.5


def test_drift_that_wanders_to_and_fro_is_followed_although_it_could_be_divided_into_modes():
    wandering, steps = np.zeros((8000, SENSORS)), np.random.default_rng(0).normal(scale=0.2, size=(8000, SENSORS))
    for row in range(1, len(steps)):
        wandering[row] = wandering[row - 1] * (1 - 1 / 2000) + steps[row]
    run = run_of(noise(rows=8000) + wandering)
    inputs = run.spec.preprocessing.transform(run.windows.windows).astype(np.float64)
    assert modes_in(inputs).number > 1
    seen, modes = followed(run)
    assert (modes, seen.spec.scoring.mean_rate) == (1, 0.005)


def test_drift_of_a_machine_with_modes_is_followed_relative_to_them():
    way, drift = np.arange(9000) // 60 % 3, np.linspace(-4, 4, 9000)[:, None] * [0, 1, 0]
    levels = np.array([[-9.0, 0, 9], [9, 9, -9], [0, -9, 0]])[way]
    still, drifting = (run_of(levels + shift + noise(rows=9000)) for shift in (0 * drift, drift))
    seen, modes = followed(still)
    assert (modes > 1, seen.spec.scoring.mean_rate, seen.spec.modes) == (True, 0.0, ())
    seen, modes = followed(drifting)
    assert (modes > 1, seen.spec.scoring.mean_rate) == (True, 0.005)
    ends = np.unique(levels, axis=0) + drift[-1]
    nearest = np.abs(np.array(seen.spec.modes)[:, None] - ends).max(axis=2).min(axis=0)
    assert nearest.max() < 1.2, "modes are where they are at the end of the recording"
    assert seen.windows.windows[way[:-1] == 0][:, :, 1].std() < 1.3


def test_computer_whose_parts_do_different_work_is_not_followed():
    with bundled_recording() as file:
        recording = read_recording(file, Columns(label="anomaly", exclude=("fault",)), rows=slice(NORMAL_ROWS))
    run = train(recording, DetectorSettings(epochs=0)).folder
    seen, modes = followed(run)
    assert (modes > 1, seen.spec.scoring.mean_rate) == (True, 0.0)
