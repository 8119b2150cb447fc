"""One table of cases: numpy as stream and as batch, the graph in every runtime, and C all give the same numbers."""

import shutil

import numpy as np
import pytest
from c_host import c_answers, c_smoother, float_file
from maths_cases import INCOMPLETE, SCORING, SENSORS, SMOOTHING, THRESHOLD, WINDOW, WINDOWS
from reference_kernels import ours_by_name

from edge_runtime.errors import InputShapeError
from edge_runtime.fitting.packing import pack
from edge_runtime.inference.host_scoring import HostScoring
from edge_runtime.inference.runtimes import installed_runtimes
from edge_runtime.model_file.manifest import Scoring
from edge_runtime.signal.features import FEATURES
from edge_runtime.signal.smoothing import Smoother
from edge_runtime.signal.windows import WindowBuffer, as_windows
from export.inference_graph import build_detector_graph
from export.runtime_check import InstalledRuntime, run_graph

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
scoring_cases = pytest.mark.parametrize("case", SCORING, ids=lambda case: case.name)
smoothing_cases = pytest.mark.parametrize("case", SMOOTHING, ids=lambda case: f"{case.name}, span {case.span}")


def close(given, expected, places=1e-4):
    """Assert that numbers are those expected; beyond float32 infinity and NaN are alike, as smoothing takes them."""
    expected = np.asarray(expected)
    with np.errstate(over="ignore"):
        narrow = expected.astype(np.float32).astype(np.float64)
    finite = np.isfinite(narrow)
    np.testing.assert_array_equal(np.isfinite(given), finite)
    np.testing.assert_allclose(given[finite], expected[finite], rtol=places, atol=places)


@smoothing_cases
def test_stream_smooths_by_the_formula(case):
    smoother = Smoother(case.span, THRESHOLD)
    np.testing.assert_allclose([smoother.update(float(score)) for score in case.scores], case.expected, rtol=1e-12)


@smoothing_cases
def test_batch_smooths_by_the_formula(case):
    np.testing.assert_allclose(
        Smoother(case.span, THRESHOLD).update_many(case.scores), case.expected, rtol=2e-7, atol=1e-44
    )


@needs_gcc
@pytest.mark.parametrize("span", sorted({case.span for case in SMOOTHING}))
def test_c_smooths_by_the_formula(span, tmp_path):
    first = SCORING[0]
    model = float_file(first.preprocessing, pack(first.head), {"codes": 3}, Scoring("inputs", span))
    smooth = c_smoother(model, tmp_path)
    for case in (one for one in SMOOTHING if one.span == span):
        smoother = Smoother(span, THRESHOLD)
        np.testing.assert_array_equal(
            smooth(case.scores), [smoother.update(float(score)) for score in case.scores], case.name
        )


def outputs_of(case):
    """What the network gives, by name, float32."""
    parts, hidden = case.parts, case.network.encoder[0].kernel.shape[1]
    found = {"codes": parts["codes"], "hidden_0": parts["hidden"][:, :hidden],
             "reconstruction": parts["inputs"] - parts["residual"]}  # fmt: skip
    return {name: values.astype(np.float32) for name, values in found.items()}


def file_of(case, head=None):
    widths = {name: values.shape[1] for name, values in outputs_of(case).items()}
    return float_file(case.preprocessing, head or case.head, widths, attribution=case.attribution)


@scoring_cases
def test_numpy_scales_and_scores_by_the_formulas(case):
    host, outputs = HostScoring.of(file_of(case)), outputs_of(case)
    with np.errstate(over="ignore", invalid="ignore"):
        close(host.inputs(WINDOWS), case.inputs)
        close(host.score(WINDOWS, outputs), case.scores)
        shares, levels = case.attributions
        finite = case.scores < 1e30
        close(host.contributions(WINDOWS, outputs)[finite], shares[finite], 1e-3)
        close(host.expected(WINDOWS, outputs)[finite], levels[finite], 1e-3)


@scoring_cases
def test_stream_scales_as_the_batch(case):
    buffer = WindowBuffer(WINDOW, 1, len(SENSORS))
    for window, expected in zip(WINDOWS, case.inputs, strict=True):
        buffer.clear()
        *_, due = (buffer.push(reading) for reading in window)
        with np.errstate(over="ignore", invalid="ignore"):
            close(case.preprocessing.transform(due[None])[0], expected)


@scoring_cases
def test_graph_scales_scores_and_blames_by_the_formulas(case):
    graph = build_detector_graph(case.network, case.preprocessing, case.head, case.attribution)
    windows = np.concatenate([WINDOWS, INCOMPLETE])
    given = {runtime.name: run_graph(InstalledRuntime.here(runtime), graph, windows)[0]
             for runtime in installed_runtimes()}  # fmt: skip
    given["numpy"] = ours_by_name(graph, windows)
    shares, levels = case.attributions
    finite = np.flatnonzero(case.scores < 1e30)
    for outputs in given.values():
        close(outputs["codes"][finite], case.parts["codes"][finite])
        close(outputs["score"][: len(WINDOWS)], case.scores)
        close(outputs["contributions"][finite], shares[finite], 1e-3)
        close(outputs["expected"][finite], levels[finite], 1e-3)
        assert np.isnan(outputs["score"][len(WINDOWS) :]).all()


@scoring_cases
def test_outputs_that_are_asked_for_are_the_same_for_many_windows_in_one_call(case):
    graph = build_detector_graph(case.network, case.preprocessing, case.head, case.attribution)
    installed, names = InstalledRuntime.here(installed_runtimes()[0]), ("codes", "score")
    together, _ = run_graph(installed, graph, WINDOWS, names, together=True)
    single, _ = run_graph(installed, graph, WINDOWS, names)
    assert sorted(together) == sorted(single) == ["codes", "score"]
    for name in names:
        close(together[name], single[name])


@needs_gcc
@scoring_cases
def test_c_scales_and_scores_by_the_formulas(case, tmp_path):
    head = pack(case.head)
    said = c_answers(file_of(case, head), WINDOWS, outputs_of(case), tmp_path)
    close(said["inputs"], case.inputs)
    with np.errstate(over="ignore", invalid="ignore"):
        close(said["score"], head.score(case.parts), 1e-3)


def test_every_feature_is_in_the_table():
    assert {name for case in SCORING for name in case.preprocessing.features} == set(FEATURES)


def test_incomplete_windows_are_refused_before_numpy_scores_them():
    for window in INCOMPLETE:
        with pytest.raises(InputShapeError, match="finite numbers"):
            as_windows(window[None], WINDOW, len(SENSORS))
