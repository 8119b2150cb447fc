"""Which sensor is to blame and what it should read: against Gaussians whose answers are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machines import pump_rows

from edge_runtime import Detector
from edge_runtime.fitting.attribution import modes_of
from edge_runtime.fitting.packed_attribution import pack_attribution
from edge_runtime.inference.attribution import Attribution
from edge_runtime.inference.heads import PARTS
from edge_runtime.inference.runtimes import find_runtime, installed_runtimes
from edge_runtime.signal.windows import sliding_windows
from export.export_run import ExportSettings, export_run
from export.fitting.fit_attribution import fit_attribution, fit_bands
from export.fitting.fit_heads import fit_head
from export.inference_graph import build_detector_graph
from export.runtime_check import InstalledRuntime, run_graph
from training.fit_preprocessing import fit_preprocessing
from training.recordings import Recording
from training.recordings.stretches import split
from training.run_folder import DenseLayer, Network
from training.settings import DetectorSettings

RUNTIMES = installed_runtimes()
SENSORS = 20
ROWS = pump_rows(80, seed=9)
ROWS[60:, 1] += 20_000
WINDOWS = np.ascontiguousarray(sliding_windows(ROWS, 3))


def one_mode(n):
    return np.zeros(n, np.intp)


def gaussian(sensors, causes, noise, seed):
    """Mean and covariance of sensors with fewer causes, in odd units."""
    rng = np.random.default_rng(seed)
    mixing, units = rng.normal(size=(sensors, causes)), np.exp(rng.normal(size=sensors))
    covariance = (mixing @ mixing.T + noise * np.eye(sensors)) * np.outer(units, units)
    return 10 * rng.normal(size=sensors), covariance


def prepared(rows, window, features, scaling="standard"):
    recording = Recording("r", tuple(f"s{number}" for number in range(rows.shape[1])), rows.astype(np.float32))
    whole, _ = split(recording, window, 1, 0.0)
    settings = DetectorSettings(scaling=scaling, features=features, bands=2)
    return fit_preprocessing(whole, settings, np.random.default_rng(0), 1.0)


def conditional_means(x, mean, covariance, blocks):
    """What a Gaussian says each block of variables is on average, given all the others: one by one, in float64."""
    expected = np.empty_like(x)
    for own in blocks:
        rest = np.setdiff1d(np.arange(x.shape[1]), own)
        gain = np.linalg.solve(covariance[np.ix_(rest, rest)], covariance[np.ix_(rest, own)])
        expected[:, own] = mean[own] + (x[:, rest] - mean[rest]) @ gain
    return expected


def shrunk(x):
    """The covariance that the fit says it rests on: correlations a hundredth smaller."""
    covariance = np.cov(x.T, bias=True)
    return 0.99 * covariance + 0.01 * np.diag(np.diag(covariance)) + 1e-9 * np.eye(len(covariance))


@pytest.mark.parametrize("features", [("values",), ("mean", "std"), ("values", "max")])
def test_expected_value_is_the_conditional_mean_given_the_other_sensors(features):
    mean, covariance = gaussian(5, 2, 0.3, seed=0)
    rows = np.random.default_rng(1).multivariate_normal(mean, covariance, 4000)
    window = 4
    preprocessing = prepared(rows, window, features)
    windows = np.ascontiguousarray(sliding_windows(rows.astype(np.float32), window))
    inputs = preprocessing.transform(windows)
    attribution = fit_attribution(inputs, preprocessing, one_mode(len(inputs)))

    x = inputs.astype(np.float64)
    blocks = [np.arange(sensor, x.shape[1], 5) for sensor in range(5)]
    told = conditional_means(x, x.mean(axis=0), shrunk(x), blocks)
    # Back from inputs to sensor units: the first features are the values, or the one mean, of each sensor.
    count = window if features[0] == "values" else 1
    feature_scale = np.array(preprocessing.feature_scale or np.ones(x.shape[1]))
    feature_center = np.array(preprocessing.feature_center or np.zeros(x.shape[1]))
    levels = (told * feature_scale + feature_center)[:, : count * 5].reshape(-1, count, 5).mean(axis=1)
    expected = levels * preprocessing.scale + preprocessing.center
    given = attribution.expected(inputs, one_mode(len(inputs)))
    np.testing.assert_allclose(given, expected, atol=2e-3 * np.max(preprocessing.scale))


def test_expected_value_is_that_of_the_gaussian_the_readings_were_drawn_from():
    mean, covariance = gaussian(5, 2, 0.3, seed=0)
    rows = np.random.default_rng(1).multivariate_normal(mean, covariance, 50_000)
    preprocessing = prepared(rows, 1, ("values",))
    inputs = preprocessing.transform(rows.astype(np.float32)[:, None])
    attribution = fit_attribution(inputs, preprocessing, one_mode(len(inputs)))
    truth = conditional_means(rows[:500], mean, covariance, np.arange(5)[:, None])
    error = (attribution.expected(inputs[:500], one_mode(500)) - truth) / np.sqrt(np.diag(covariance))
    assert np.sqrt(np.mean(error**2)) < 0.05
    bands = fit_bands(attribution, inputs, preprocessing, one_mode(len(inputs)))
    np.testing.assert_allclose(bands, 1 / np.sqrt(np.diag(np.linalg.inv(covariance))), rtol=0.05)


def test_expected_value_does_not_depend_on_the_sensor_itself():
    mean, covariance = gaussian(4, 2, 0.3, seed=3)
    rows = np.random.default_rng(1).multivariate_normal(mean, covariance, 2000)
    preprocessing = prepared(rows, 1, ("values",))
    inputs = preprocessing.transform(rows.astype(np.float32)[:, None])
    attribution = fit_attribution(inputs, preprocessing, one_mode(len(inputs)))
    moved = inputs[:50].copy()
    moved[:, 2] += 3
    before, after = (attribution.expected(some, one_mode(50)) for some in (inputs[:50], moved))
    np.testing.assert_allclose(after[:, 2], before[:, 2], atol=1e-3 * preprocessing.scale[2])
    assert (np.abs(after - before)[:, [0, 1, 3]] > 0.01 * np.array(preprocessing.scale)[[0, 1, 3]]).any()


@pytest.mark.parametrize("features", [("std",), ("std", "slope")])
def test_features_that_tell_no_level_give_no_expected_value(features):
    rows = np.random.default_rng(0).normal(size=(500, 3))
    preprocessing = prepared(rows, 8, features)
    inputs = preprocessing.transform(np.ascontiguousarray(sliding_windows(rows.astype(np.float32), 8)))
    attribution = fit_attribution(inputs, preprocessing, one_mode(len(inputs)))
    assert not attribution.gives_levels
    assert fit_bands(attribution, inputs, preprocessing, one_mode(len(inputs))) == ()


def test_contribution_is_what_the_squared_distance_loses_when_the_sensor_reads_what_it_should():
    mean, covariance = gaussian(4, 2, 0.3, seed=5)
    rows = np.random.default_rng(2).multivariate_normal(mean, covariance, 3000)
    preprocessing = prepared(rows, 2, ("values",))
    inputs = preprocessing.transform(np.ascontiguousarray(sliding_windows(rows.astype(np.float32), 2)))
    attribution = fit_attribution(inputs, preprocessing, one_mode(len(inputs)))
    x = inputs[:200].astype(np.float64)
    center, matrix = inputs.astype(np.float64).mean(axis=0), shrunk(inputs.astype(np.float64))

    def distance(z):
        return np.einsum("nd,de,ne->n", z - center, np.linalg.inv(matrix), z - center)

    losses = []
    for sensor in range(4):
        own = np.arange(sensor, 8, 4)
        told = x.copy()
        told[:, own] = conditional_means(x, center, matrix, [own])[:, own]
        losses.append(distance(x) - distance(told))
    losses = np.stack(losses, axis=1)
    scores = np.random.default_rng(0).exponential(size=200).astype(np.float32)
    shares = attribution.contributions(inputs[:200], scores, 4, one_mode(200))
    np.testing.assert_allclose(
        shares, losses / losses.sum(axis=1, keepdims=True) * scores[:, None], rtol=1e-2, atol=1e-4
    )


@settings(max_examples=100)
@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(1, 5), st.integers(1, 3), st.integers(1, 9))
def test_contributions_are_never_negative_and_sum_to_the_score(seed, sensors, per_sensor, modes, n):
    rng = np.random.default_rng(seed)
    d = sensors * per_sensor
    arrays = [rng.normal(size=shape).astype(np.float32)
              for shape in ((modes, d), (modes, d, d), (modes, d, sensors), (modes, sensors))]  # fmt: skip
    inputs = rng.normal(size=(n, d)).astype(np.float32)
    inputs[0] = arrays[0][0]  # in the very middle of a mode nobody is out of line
    scores, mode = rng.exponential(size=n).astype(np.float32), rng.integers(modes, size=n)
    mode[0] = 0
    shares = Attribution(*arrays).contributions(inputs, scores, sensors, mode)
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(axis=1), scores, rtol=1e-4)
    np.testing.assert_allclose(shares[0], scores[0] / sensors, rtol=1e-4)
    again = Attribution.from_arrays(Attribution(*arrays).arrays())
    np.testing.assert_array_equal(again.contributions(inputs, scores, sensors, mode), shares)


@pytest.mark.parametrize(("window", "features"), [(1, ("values",)), (4, ("mean", "std"))])
def test_one_of_twenty_sensors_biased_by_two_deviations_is_named_first(window, features):
    mean, covariance = gaussian(SENSORS, 6, 0.5, seed=0)
    rng = np.random.default_rng(1)
    rows = rng.multivariate_normal(mean, covariance, 3000)
    preprocessing = prepared(rows, window, features)

    def inputs_of(some):
        return preprocessing.transform(np.ascontiguousarray(sliding_windows(some.astype(np.float32), window)))

    normal = inputs_of(rows)
    attribution, head = (
        fit_attribution(normal, preprocessing, one_mode(len(normal))),
        fit_head("inputs", {"inputs": normal}),
    )
    deviations, first, third = np.sqrt(np.diag(covariance)), [], []
    for sensor in range(SENSORS):
        broken = rng.multivariate_normal(mean, covariance, 100)
        broken[:, sensor] += 2 * deviations[sensor] * rng.choice([-1, 1])
        inputs = inputs_of(broken)
        shares = attribution.contributions(inputs, head.score({"inputs": inputs}), SENSORS, one_mode(len(inputs)))
        rank = (shares > shares[:, [sensor]]).sum(axis=1)
        first.append(np.mean(rank == 0))
        third.append(np.mean(rank < 3))
    assert np.mean(first) >= 0.8
    assert np.mean(third) >= 0.95


def two_modes(n=1200):
    """Readings of a machine whose sensors hang together one way in one mode and the other way in the other."""
    rng = np.random.default_rng(0)
    mode = np.arange(n) // 30 % 2
    cause = rng.normal(size=n)
    second = np.where(mode == 0, cause, -cause) + 0.1 * rng.normal(size=n)
    third = rng.normal(size=n)
    level = np.array([[0.0, 0.0, 0.0], [30.0, -30.0, 10.0]])[mode]
    return (level + np.stack([cause, second, third], axis=1)).astype(np.float32), mode


def test_each_window_is_explained_by_the_mode_it_is_in():
    rows, mode = two_modes()
    preprocessing = prepared(rows, 1, ("values",), scaling="standard")
    inputs = preprocessing.transform(rows[:, None])
    head = fit_head("modes", {"inputs": inputs})
    found = modes_of(head, inputs)
    assert len(head.centers) == 2
    assert abs(np.corrcoef(found, mode)[0, 1]) == pytest.approx(1)
    attribution = fit_attribution(inputs, preprocessing, found, 2)
    expected = attribution.expected(inputs, found)[:, 1]
    # The second sensor is the first, or its opposite, about the mode's levels.
    truth = np.where(mode == 0, rows[:, 0], -30 - (rows[:, 0] - 30))
    assert np.sqrt(np.mean((expected - truth) ** 2)) < 0.3
    pooled = fit_attribution(inputs, preprocessing, one_mode(len(inputs))).expected(inputs, one_mode(len(inputs)))[:, 1]
    assert np.sqrt(np.mean((pooled - truth) ** 2)) > 0.8


def test_mode_that_no_window_is_in_has_an_explanation_all_the_same():
    rows, mode = two_modes()
    preprocessing = prepared(rows, 1, ("values",))
    inputs = preprocessing.transform(rows[:, None])
    attribution = fit_attribution(inputs, preprocessing, mode, 3)
    assert len(attribution.mean) == 3
    shares = attribution.contributions(inputs[:2], np.ones(2, np.float32), 3, np.array([2, 0]))
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("runtime", [*(runtime.name for runtime in RUNTIMES), "numpy"])
def test_graph_explains_by_the_mode_as_the_host_does(runtime):
    rows, _ = two_modes()
    preprocessing = prepared(rows, 1, ("values",))
    inputs = preprocessing.transform(rows[:, None])
    head = fit_head("modes", {"inputs": inputs}).scaled(0.1)
    attribution = fit_attribution(inputs, preprocessing, modes_of(head, inputs), head.modes)
    layer = DenseLayer(np.eye(3, dtype=np.float32), np.zeros(3, np.float32), "linear")
    graph = build_detector_graph(Network((layer,)), preprocessing, head, attribution)
    windows = rows[:200, None] + np.float32([0, 5, 0]) * (np.arange(200) % 2).astype(np.float32)[:, None, None]
    outputs = run(graph, runtime, windows)
    inputs = preprocessing.transform(windows)
    scores, mode = head.score({"inputs": inputs}), modes_of(head, inputs)
    np.testing.assert_allclose(outputs["score"], scores, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(
        outputs["contributions"], attribution.contributions(inputs, scores, 3, mode), rtol=1e-2, atol=1e-3
    )
    np.testing.assert_allclose(outputs["expected"], attribution.expected(inputs, mode), rtol=1e-4, atol=1e-3)


def run(graph, runtime, windows):
    if runtime != "numpy":
        (installed,) = [InstalledRuntime.here(one) for one in RUNTIMES if one.name == runtime]
        return run_graph(installed, graph, windows)[0]
    interpreter = find_runtime("numpy").open(graph)
    given = []
    for window in windows:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], window[None])
        interpreter.invoke()
        given.append({one["name"]: interpreter.get_tensor(one["index"])[0] for one in interpreter.get_output_details()})
    return {name: np.array([one[name] for one in given]) for name in given[0]}


@pytest.fixture(scope="module")
def exported_head(train_head):
    """The pump's file with a head of choice, for the graph or for the host."""
    return lambda head, target: export_run(train_head(head), ExportSettings("float32", target))


@pytest.mark.parametrize("head", PARTS)
def test_graph_and_host_explain_alike_for_every_head(head, exported_head):
    graph, host = (Detector(exported_head(head, target), find_runtime("litert")) for target in ("cpu", "micro"))
    for detector in (graph, host):
        contributions, scores = detector.explain_many(WINDOWS), detector.score_many(WINDOWS)
        assert (contributions >= 0).all()
        np.testing.assert_allclose(contributions.sum(axis=1), scores, rtol=1e-3, atol=1e-6)
        assert contributions[-1].argmax() == 1
    np.testing.assert_allclose(graph.score_many(WINDOWS), host.score_many(WINDOWS), rtol=5e-2)
    np.testing.assert_allclose(graph.explain_many(WINDOWS), host.explain_many(WINDOWS), rtol=6e-2, atol=1e-3)
    # A window between two modes may count for either.
    np.testing.assert_allclose(graph.expected_many(WINDOWS), host.expected_many(WINDOWS), rtol=5e-3)


@pytest.mark.parametrize("window", [1, 3])
def test_contributions_and_expected_values_of_16_bits_are_those_of_floats(window):
    mean, covariance = gaussian(6, 2, 0.1, seed=4)
    rows = np.random.default_rng(3).multivariate_normal(mean, covariance, 3000)
    preprocessing = prepared(rows, window, ("values",))
    inputs = preprocessing.transform(np.ascontiguousarray(sliding_windows(rows.astype(np.float32), window)))
    attribution = fit_attribution(inputs, preprocessing, one_mode(len(inputs)))
    packed, scores, mode = pack_attribution(attribution), np.ones(len(inputs), np.float32), one_mode(len(inputs))
    shares = [one.contributions(inputs, scores, 6, mode) for one in (packed, attribution)]
    levels = [one.expected(inputs, mode) for one in (packed, attribution)]
    assert (packed.blame != attribution.blame).any()
    np.testing.assert_allclose(*shares, atol=1e-3)
    np.testing.assert_allclose(*levels, atol=1e-3 * np.max(preprocessing.scale))
    again = pack_attribution(packed)
    np.testing.assert_array_equal(again.blame, packed.blame)
    np.testing.assert_array_equal(again.level, packed.level)
