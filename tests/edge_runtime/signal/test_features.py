"""Scaling and features: against independent references, streamed as in a batch."""

import json

import numpy as np
import pytest
import reference_maths
from hypothesis import given, settings
from hypothesis import strategies as st
from machines import pump_rows
from model_runs import run_model

from edge_runtime import Detector
from edge_runtime.errors import UsageError
from edge_runtime.inference.runtimes import installed_runtimes
from edge_runtime.model_file.json_codec import from_json, to_json
from edge_runtime.signal.features import FEATURES, band_matrix, dft_matrix
from edge_runtime.signal.preprocessing import Preprocessing
from edge_runtime.signal.windows import WindowBuffer, sliding_windows
from export.export_run import ExportSettings, export_run
from export.runtime_check import InstalledRuntime
from training.fit_preprocessing import fit_preprocessing, fit_scaling
from training.pipeline import train
from training.recordings import Recording
from training.recordings.stretches import split
from training.settings import DetectorSettings

ROWS = pump_rows(600)
BANDS = 5


def fitted(window=16, features=FEATURES, rows=ROWS, scaling="standard", rate_hz=100.0):
    recording = Recording("r", tuple("abcd"[: rows.shape[1]]), rows)
    part, _ = split(recording, window, 1, 0.25)
    settings = DetectorSettings(scaling=scaling, features=tuple(features), bands=BANDS)
    return fit_preprocessing(part, settings, np.random.default_rng(0), rate_hz)


@pytest.mark.parametrize("feature", FEATURES)
def test_features_are_those_of_the_slow_reference(feature):
    preprocessing = fitted(features=[feature])
    windows = sliding_windows(ROWS, 16)
    center, scale = np.array(preprocessing.center), np.array(preprocessing.scale)
    scaled = [reference_maths.limited(window, center, scale, 8) for window in windows[::40]]
    expected = [reference_maths.feature(feature, window, BANDS, 100.0).ravel() for window in scaled]
    np.testing.assert_allclose(preprocessing.raw_features(windows[::40]), expected, atol=2e-3, rtol=1e-3)


def test_features_are_scaled_to_the_same_size_and_limited():
    preprocessing = fitted()
    inputs = preprocessing.transform(sliding_windows(ROWS[:450], 16))
    np.testing.assert_allclose(inputs.mean(axis=0), 0, atol=0.1)
    np.testing.assert_allclose(inputs.std(axis=0), 1, atol=0.25)
    far = preprocessing.transform(sliding_windows(ROWS[:16] * 100, 16))
    assert np.abs(far).max() == preprocessing.limit


@settings(max_examples=25)
@given(
    window=st.integers(4, 24),
    stride=st.integers(1, 9),
    features=st.lists(st.sampled_from(FEATURES), min_size=1, max_size=4, unique=True),
)
def test_streamed_inputs_are_the_batch_inputs(window, stride, features):
    preprocessing = fitted(window, features)
    buffer = WindowBuffer(window, stride, 4)
    streamed = [preprocessing.transform(due[None]) for due in map(buffer.push, ROWS[:100]) if due is not None]
    batch = preprocessing.transform(sliding_windows(ROWS[:100], window, stride))
    # numpy's matrix product sums in another order for one window than for many.
    np.testing.assert_allclose(np.concatenate(streamed), batch, atol=1e-4)


@pytest.fixture(scope="module")
def shaken():
    """Return a detector of spectra and statistics of a machine that hums, and a window in which it rattles."""
    rng = np.random.default_rng(0)
    time = np.arange(4000)
    hum = np.stack([np.sin(time / 3), np.cos(time / 5)], axis=1) + rng.normal(0, 0.3, (4000, 2))
    rattle = hum[:32].copy()
    rattle[:, 1] += 1.5 * (-1.0) ** time[:32]
    recording = Recording("hum", ("left", "right"), hum.astype(np.float32))
    detector = DetectorSettings(window=32, stride=4, features=("std", "slope", "spectrum"), bands=8, epochs=15)
    return train(recording, detector), rattle.astype(np.float32)


def test_spectra_and_statistics_stay_float_in_the_int8_file(shaken, tmp_path):
    run, rattle = shaken
    model = export_run(run.folder, ExportSettings("int8"))
    model.write(tmp_path / "hum.tflite")
    assert model.manifest.parity.score_correlation > 0.97
    detector = Detector.load(tmp_path / "hum.tflite")
    assert detector.score(rattle) > 5 * detector.threshold
    blame = detector.explain(rattle)
    assert max(blame, key=blame.get) == "right"


def test_host_of_a_bare_network_makes_the_same_features(shaken):
    run, rattle = shaken
    whole, bare = (export_run(run.folder, ExportSettings(target=target)) for target in ("cpu", "edgetpu"))
    windows = np.concatenate([run.folder.windows.windows[-50:], rattle[None]])
    runtime = InstalledRuntime.here(installed_runtimes()[0])
    one, other = (run_model(runtime, model, windows) for model in (whole, bare))
    assert np.corrcoef(one.scores, other.scores)[0, 1] > 0.99
    # Steps of hidden layers differ: only the whole graph was calibrated with inputs beyond what its network takes.
    np.testing.assert_allclose(one.codes, other.codes, atol=12 / 255 + 1 / 256)
    assert np.abs(one.codes - other.codes).mean() < 2 / 256


def test_robust_scaling_does_not_see_a_few_wild_readings():
    rows = np.random.default_rng(0).normal(5, 2, (20_000, 1)).astype(np.float32)
    rows[::100] = 1e6
    part, _ = split(Recording("r", ("a",), rows), 1, 1, 0.25)
    center, scale = fit_scaling(part, "robust")
    assert (center[0], scale[0]) == (pytest.approx(5, abs=0.05), pytest.approx(2, abs=0.05))
    assert fit_scaling(part, "standard")[1][0] > 1e4


def test_robust_scale_of_a_resting_sensor_is_its_deviation():
    rows = np.zeros((1000, 1), np.float32)
    rows[::10] = 1
    part, _ = split(Recording("r", ("a",), rows), 1, 1, 0.25)
    assert fit_scaling(part, "robust")[1][0] == pytest.approx(0.3, abs=0.01)


def test_standard_scaling_keeps_its_digits_far_from_zero():
    rows = (1e6 + np.random.default_rng(0).normal(size=(10_000, 1))).astype(np.float32)
    part, _ = split(Recording("r", ("a",), rows), 1, 1, 0.25)
    center, scale = fit_scaling(part, "standard")
    assert center[0] == pytest.approx(rows[:7500].astype(np.float64).mean(), abs=1e-6)
    assert scale[0] == pytest.approx(rows[:7500].astype(np.float64).std(), rel=1e-9)


def test_white_noise_of_variance_one_has_power_one_in_every_band():
    noise = np.random.default_rng(0).normal(size=(4000, 64))
    power = np.square(noise @ dft_matrix(64).T)
    bands = (power[:, :33] + power[:, 33:]) @ band_matrix("spectrum", 64, 6, 0).T
    np.testing.assert_allclose(bands.mean(axis=0), 1, atol=0.1)


@pytest.mark.parametrize("feature", ["spectrum", "logmel"])
@pytest.mark.parametrize(("window", "bands"), [(4, 2), (9, 4), (64, 32), (1024, 40)])
def test_every_band_has_a_frequency(feature, window, bands):
    weights = band_matrix(feature, window, bands, 16_000.0)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
    assert (weights >= 0).all()
    assert (np.diff(weights.argmax(axis=1)) >= 0).all()


@pytest.mark.parametrize(
    ("features", "window", "rate_hz", "message"),
    [
        (["median"], 16, 0, "expected some of values, mean"),
        (["mean", "mean"], 16, 0, "each once"),
        (["spectrum"], 2, 0, "--window of 4 or more"),
        (["spectrum"], 4096, 0, "--window of up to 2048"),
        (["logmel"], 16, 0, "readings per second"),
    ],
)
def test_features_that_cannot_be_are_refused(features, window, rate_hz, message):
    with pytest.raises(UsageError, match=message):
        fitted(window, features, np.zeros((20_000, 1), np.float32), rate_hz=rate_hz)


def test_preprocessing_of_an_older_manifest_loads():
    old = {"scaling": "standard", "center": [1.0], "scale": [2.0], "window": 3, "stride": 1, "limit": 8.0}
    preprocessing = from_json(Preprocessing, old)
    assert preprocessing.inputs == 3
    assert from_json(Preprocessing, json.loads(json.dumps(to_json(fitted())))) == fitted()
