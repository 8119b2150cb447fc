"""A .tflite autoencoder that is not ours gets a manifest, by hand or fitted, and scores in every runtime."""

import csv
import json

import numpy as np
import pytest
import tensorflow as tf
from machines import SENSORS, pump_rows, write_csv

from edge_runtime import Detector
from edge_runtime.errors import ModelFileError, UsageError
from edge_runtime.inference.runtimes import installed_runtimes
from edge_runtime.model_file.container import read_model_file
from edge_runtime.signal.windows import sliding_windows
from export.by_hand import HEADS, ByHand
from export.third_party import describe_graph

WINDOW = 2
NORMAL = pump_rows(1200, seed=4)
CENTER, SCALE = (tuple(values.astype(float).tolist()) for values in (NORMAL.mean(0), NORMAL.std(0)))
RNG = np.random.default_rng(7)
ENCODER, DECODER = (RNG.normal(size=shape).astype(np.float32) * 0.3 for shape in ((WINDOW * 4, 3), (3, WINDOW * 4)))
RUNTIMES = [*(runtime.name for runtime in installed_runtimes()), "numpy"]


def converted(*, int8=False, codes=False):
    """Convert an autoencoder as people do, with the names the converter gives; it takes windows of scaled values."""

    @tf.function(input_signature=[tf.TensorSpec((1, WINDOW, 4))])
    def autoencoder(window):
        hidden = tf.sigmoid(tf.reshape(window, (1, -1)) @ ENCODER)
        back = hidden @ DECODER
        return {"back": back, "hidden": hidden} if codes else back

    converter = tf.lite.TFLiteConverter.from_concrete_functions([autoencoder.get_concrete_function()], autoencoder)
    if int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: (
            [row[None]] for row in scaled(sliding_windows(NORMAL, WINDOW)[:200])
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def scaled(windows):
    return ((windows - np.float32(CENTER)) / np.float32(SCALE)).astype(np.float32)


def reference(windows):
    """Codes and scores in float64, before they are normalised."""
    inputs = scaled(windows).reshape(len(windows), -1).astype(np.float64)
    codes = 1 / (1 + np.exp(-(inputs @ ENCODER)))
    return codes, np.mean((inputs - codes @ DECODER) ** 2, axis=1)


@pytest.fixture
def normal(tmp_path):
    return write_csv(tmp_path / "normal.csv", NORMAL)


@pytest.fixture
def windows():
    rows = pump_rows(60, seed=5)
    rows[40:, 1] += 20_000
    return np.ascontiguousarray(sliding_windows(rows, WINDOW))


@pytest.mark.parametrize("runtime", ["ai-edge-litert", "numpy"])
def test_all_said_by_hand(runtime, windows, tmp_path):
    by_hand = ByHand(sensors=SENSORS, center=CENTER, scale=SCALE, threshold=9.0)
    describe_graph(converted(), "theirs", by_hand).write(tmp_path / "theirs.tflite")
    detector = Detector.load(tmp_path / "theirs.tflite", runtime=runtime)
    scores = reference(windows)[1] / 9.0
    np.testing.assert_allclose(detector.score_many(windows), scores, rtol=1e-3)
    np.testing.assert_allclose([detector.score(window) for window in windows], scores, rtol=1e-3)
    # Nothing was seen of normal work: a sensor's contribution is what the score falls by without it.
    without = [np.where(np.arange(4) == sensor, np.float32(CENTER), windows) for sensor in range(4)]
    falls = np.stack([scores - reference(each)[1] / 9.0 for each in without], axis=1)
    np.testing.assert_allclose(detector.explain_many(windows), falls, rtol=1e-2, atol=1e-3)
    assert max(detector.explain(windows[-1]), key=detector.explain(windows[-1]).get) == "pressure"
    stream = detector.stream()
    results = [stream.update(dict(zip(SENSORS, row, strict=True))) for row in [*windows[0], windows[1][-1]]]
    assert results[0] is None
    np.testing.assert_allclose([result.score for result in results[1:]], scores[:2], rtol=1e-3)
    assert results[1].threshold == 1.0
    assert "set by hand: 9" in detector.manifest.threshold.method
    with pytest.raises(ModelFileError, match="has no output codes"):
        detector.encode(windows)


def test_absurd_reading_is_an_alarm_and_passes(saelite, tmp_path):
    # Nothing limits what goes into a graph that is not ours: here squares overflow, and infinity less itself is NaN.
    by_hand = ByHand(sensors=SENSORS, center=CENTER, scale=SCALE, threshold=1e6)
    describe_graph(converted(), "theirs", by_hand).write(tmp_path / "theirs.tflite")
    rows = pump_rows(40, seed=5)
    rows[20] = [3e38, -3e38, 3e38, -3e38]
    write_csv(tmp_path / "log.csv", rows)
    for runtime in ("ai-edge-litert", "numpy"):
        detector = Detector.load(tmp_path / "theirs.tflite", runtime=runtime)
        stream = detector.stream()
        with np.errstate(over="ignore", invalid="ignore"):
            alarms = [result.is_anomaly for row in rows if (result := stream.update(row))]
        assert np.flatnonzero(alarms).tolist() == [19, 20]
        watched = saelite("run", "theirs.tflite", "--source", "csv:log.csv", "--runtime", runtime)
        lines = [json.loads(line, parse_constant=pytest.fail) for line in watched.stdout.splitlines()]
        assert [line["alarm"] for line in lines if "event" not in line] == alarms
        assert "Warning" not in watched.stderr


@pytest.fixture
def fitted(normal):
    return describe_graph(converted(), "theirs", ByHand(scaling="standard"), normal)


def test_all_fitted_on_normal_data(fitted, windows, tmp_path):
    fitted.write(tmp_path / "theirs.tflite")
    detector = Detector.load(tmp_path / "theirs.tflite")
    assert detector.sensor_names == SENSORS
    rows = sliding_windows(NORMAL, WINDOW).reshape(-1, 4).astype(np.float64)
    np.testing.assert_allclose(fitted.manifest.spec.preprocessing.center, rows.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(fitted.manifest.spec.preprocessing.scale, rows.std(axis=0), rtol=1e-6)
    broken = detector.score_many(windows)[40:]
    assert (broken > detector.threshold).all()
    assert [check.runtime for check in fitted.manifest.runtimes] == [runtime.name for runtime in installed_runtimes()]


@pytest.mark.parametrize("head", ["spe", "residual"])
def test_normal_work_stays_below_the_threshold_about_as_often_as_promised(head, tmp_path):
    mixing = RNG.normal(size=(4, 4))
    rows = NORMAL.mean(axis=0) + NORMAL.std(axis=0) * (RNG.normal(size=(10_000, 4)) @ mixing)
    normal = write_csv(tmp_path / "steady.csv", rows[:1000])
    model = describe_graph(converted(), "theirs", ByHand(scaling="standard", head=head), normal)
    model.write(tmp_path / "theirs.tflite")
    scores = Detector.load(tmp_path / "theirs.tflite").score_many(sliding_windows(rows[1000:], WINDOW))
    promised = model.manifest.threshold.target_far
    assert promised < 0.01
    assert np.mean(scores > 1) <= 3 * promised
    # Nor is it so far away that nothing would ever reach it.
    assert scores.max() > 0.2


def test_normal_data_make_contributions_shares_of_the_score(fitted, windows, tmp_path):
    fitted.write(tmp_path / "theirs.tflite")
    detector = Detector.load(tmp_path / "theirs.tflite")
    contributions, scores = detector.explain_many(windows), detector.score_many(windows)
    assert (contributions >= 0).all()
    np.testing.assert_allclose(contributions.sum(axis=1), scores, rtol=1e-4)
    assert (contributions[41:].argmax(axis=1) == SENSORS.index("pressure")).all()
    # What it should read is a pressure of normal work, whatever it reads now.
    expected = detector.expected_many(windows)[41:, 1]
    assert (np.abs(expected - NORMAL[:, 1].mean()) < 4 * NORMAL[:, 1].std()).all()


@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs")  # it is given a representative dataset instead
@pytest.mark.parametrize("runtime", ["ai-edge-litert", "numpy"])
def test_int8_from_end_to_end(runtime, windows, tmp_path):
    by_hand = ByHand(sensors=SENSORS, center=CENTER, scale=SCALE, threshold=9.0)
    describe_graph(converted(int8=True), "theirs", by_hand).write(tmp_path / "theirs.tflite")
    detector = Detector.load(tmp_path / "theirs.tflite", runtime=runtime)
    scores = reference(windows)[1] / 9.0
    np.testing.assert_allclose(detector.score_many(windows)[:38], scores[:38], rtol=0.2, atol=0.005)
    assert np.corrcoef(detector.score_many(windows), scores)[0, 1] > 0.99


@pytest.mark.parametrize("head", HEADS)
def test_every_head_on_a_graph_with_codes(head, windows, normal, tmp_path):
    graph = converted(codes=True)
    outputs = outputs_of(graph)
    by_hand = ByHand(center=CENTER, scale=SCALE, head=head, reconstruction=outputs[8], codes=outputs[3])
    model = describe_graph(graph, "theirs", by_hand, normal)
    model.write(tmp_path / "theirs.tflite")
    detector = Detector.load(tmp_path / "theirs.tflite")
    codes, _ = reference(windows)
    np.testing.assert_allclose(detector.encode(windows), codes, atol=1e-5)
    inputs = scaled(windows).reshape(len(windows), -1)
    parts = {"inputs": inputs, "codes": codes, "residual": inputs - codes @ DECODER}
    z = {"spe": ["residual"], "residual": ["residual"], "joint": ["residual", "codes"], "t2": ["codes"],
         "t2x": ["inputs", "codes"], "inputs": ["inputs"]}[head]  # fmt: skip
    centred = np.concatenate([parts[name] for name in z], axis=1) - model.arrays["head_mean"]
    whitening = model.arrays["head_whitening"]
    squares = (centred * whitening if whitening.ndim == 1 else centred @ whitening) ** 2
    np.testing.assert_allclose(detector.score_many(windows), squares.sum(axis=1), rtol=2e-3)
    assert model.manifest.drift is not None


def outputs_of(graph):
    """Return the names of a graph's outputs by their width."""
    from export import flatbuffer

    inside = flatbuffer.parse(graph).subgraph
    tensors = [inside.tensors[index] for index in inside.outputs]
    return {int(tensor.shape[-1]): tensor.name.decode() for tensor in tensors}


def test_fitted_head_comes_from_a_file(windows, tmp_path):
    np.savez(tmp_path / "head.npz", mean=np.zeros(8), whitening=np.eye(8))
    by_hand = ByHand(center=CENTER, scale=SCALE, head="residual", head_file=tmp_path / "head.npz", threshold=9.0)
    describe_graph(converted(), "theirs", by_hand).write(tmp_path / "theirs.tflite")
    scores = Detector.load(tmp_path / "theirs.tflite").score_many(windows)
    np.testing.assert_allclose(scores, 8 * reference(windows)[1] / 9.0, rtol=1e-3)


@pytest.mark.parametrize(
    ("by_hand", "words"),
    [
        (ByHand(), "which scores are anomalous"),
        (ByHand(threshold=1.0, sensors=("a", "b")), "takes 8 values: expected --window times the number of --sensors"),
        (ByHand(threshold=1.0, center=(1.0,)), "expected 4 centres and 4 scales"),
        (ByHand(threshold=1.0, scale=(1.0, 1.0, 0.0, 1.0)), "scales above 0"),
        (ByHand(threshold=1.0, scaling="standard"), "is fitted: expected normal data, or --center and --scale"),
        (ByHand(threshold=1.0, head="residual"), "is fitted: expected normal data, or --head-file"),
        (ByHand(threshold=1.0, head="joint"), "needs the codes of the graph"),
        (ByHand(threshold=1.0, reconstruction="other"), "which output is which"),
    ],
)
def test_what_is_missing_is_named(by_hand, words):
    with pytest.raises(UsageError, match=words):
        describe_graph(converted(), "theirs", by_hand)


def test_outputs_that_nobody_names_are_listed():
    with pytest.raises(UsageError, match=r"which output is which.*of 3 values.*of 8 values|of 8 values.*of 3 values"):
        describe_graph(converted(codes=True), "theirs", ByHand(threshold=1.0))


def test_command_attaches_and_the_file_is_scored_watched_and_inspected_in_every_runtime(saelite, normal, tmp_path):
    (tmp_path / "theirs.tflite").write_bytes(converted())
    made = saelite("attach", "theirs.tflite", "--normal", normal, "--scaling", "standard", "-o", "pump.tflite")
    assert made.returncode == 0, made.stderr
    assert "head spe, threshold" in made.stdout
    assert read_model_file(tmp_path / "pump.tflite").flatbuffer == (tmp_path / "theirs.tflite").read_bytes()
    rows = pump_rows(60, seed=5)
    write_csv(tmp_path / "log.csv", rows)
    expected = Detector.load(tmp_path / "pump.tflite").score_many(sliding_windows(rows, WINDOW))
    for runtime in RUNTIMES:
        scored = saelite("score", "pump.tflite", "log.csv", "-o", "scores.csv", "--explain", "--runtime", runtime)
        assert scored.returncode == 0, scored.stderr
        with (tmp_path / "scores.csv").open() as file:
            np.testing.assert_allclose([float(row["score"]) for row in csv.DictReader(file)], expected, rtol=1e-3)
        watched = saelite("run", "pump.tflite", "--source", "csv:log.csv", "--runtime", runtime)
        lines = [json.loads(line) for line in watched.stdout.splitlines()]
        scores = [line["score"] for line in lines if "event" not in line]
        np.testing.assert_allclose(scores, expected, rtol=1e-3)
        assert {line["drift"] for line in lines if "event" not in line} == {None}
    assert "network alone" in saelite("inspect", "pump.tflite").stdout
    refused = saelite("attach", "theirs.tflite", "--center", "1,x", "--threshold", "1", "-o", "again.tflite")
    assert refused.returncode == 2
    assert "expected numbers separated by commas" in refused.stderr
