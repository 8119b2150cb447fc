"""The numpy executor against the runtimes it stands in for."""

import contextlib
import subprocess
import sys

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from kernel_sweep import sweep
from machines import SENSORS, pump_rows
from random_kernels import KERNELS as SWEPT
from reference_kernels import Reference, ours
from tflite_graphs import GraphBuilder

from edge_runtime import Detector
from edge_runtime.errors import ModelFileError
from edge_runtime.inference.heads import PARTS
from edge_runtime.inference.numpy_executor import Interpreter
from edge_runtime.inference.numpy_executor.fixed_point import Multiplier, Rounding
from edge_runtime.inference.numpy_executor.kernels import KERNELS
from edge_runtime.inference.runtimes import NUMPY, find_runtime, installed_runtimes
from edge_runtime.signal.windows import sliding_windows

NO_ACTIVATION, RELU, RELU6 = 0, 1, 3
BIT_EXACT = settings(max_examples=150)


@pytest.fixture(scope="module", params=[runtime.name for runtime in installed_runtimes()])
def reference(request):
    process = Reference(request.param)
    yield process
    process.close()


scales = st.floats(2**-12, 2.0, width=32)
zero_points = st.integers(-128, 127)


@st.composite
def dense_layers(draw):
    """An int8 layer with inputs: any scales, zero points, granularity and activation that the kernels take."""
    n, depth, units = 16, draw(st.integers(1, 40)), draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    per_channel, activation = draw(st.booleans()), draw(st.sampled_from([NO_ACTIVATION, RELU, RELU6]))
    values = rng.integers(-128, 128, (n, depth), np.int8)
    weights = rng.integers(-127, 128, (units, depth), np.int8)
    bias = rng.integers(-5000, 5000, units, np.int32)
    x_scale, x_zero, out_zero = np.float32(draw(scales)), draw(zero_points), draw(zero_points)
    w_scales = np.exp(rng.uniform(-6, 0, units if per_channel else 1)).astype(np.float32)
    reach = np.abs((values.astype(np.int64) - x_zero) @ weights.T.astype(np.int64) + bias) * x_scale * w_scales
    out_scale = np.float32(max(reach.max(), 1e-6) / draw(st.floats(10, 300)))
    builder = GraphBuilder()
    x = builder.tensor(values.shape, "int8", [x_scale], [x_zero])
    w = builder.constant(weights, w_scales, [0] * len(w_scales))
    b = builder.constant(bias, x_scale * w_scales, [0] * len(w_scales))
    out = builder.tensor((n, units), "int8", [out_scale], [out_zero])
    options = schema.FullyConnectedOptionsT()
    options.fusedActivationFunction = activation
    builder.op("FULLY_CONNECTED", [x, w, b], out, options, version=4)
    return builder.build([x], [out]), values


@BIT_EXACT
@given(dense_layers())
def test_int8_layers_are_those_of_the_reference_bit_for_bit(reference, layer):
    flatbuffer, values = layer
    np.testing.assert_array_equal(ours(flatbuffer, values, reference.rounding), reference.run(flatbuffer, values))


@pytest.mark.parametrize("per_channel", [False, True])
def test_sums_between_two_steps_are_rounded_as_by_the_reference(reference, per_channel):
    """Sums so near the middle that it matters whether the scales are multiplied in float32 or in float64."""
    rng, seen = np.random.default_rng(0), 0
    for _ in range(40):
        x_scale, w_scale, out_scale = (np.float32(rng.uniform(*ends)) for ends in ((0.01, 1), (1e-3, 0.01), (20, 60)))
        single, double = float(x_scale * w_scale) / float(out_scale), float(x_scale) * float(w_scale) / float(out_scale)
        sums = np.arange(-int(120 / double), int(120 / double))
        apart = sums[np.rint(sums * single) != np.rint(sums * double)][:4].astype(np.int32)
        seen += len(apart)
        if len(apart) < 2:
            continue
        count = len(apart) if per_channel else 1
        builder = GraphBuilder()
        x, out = (
            builder.tensor((1, 2), "int8", [x_scale], [0]),
            builder.tensor((1, len(apart)), "int8", [out_scale], [0]),
        )
        w = builder.constant(np.ones((len(apart), 2), np.int8), np.full(count, w_scale), [0] * count)
        b = builder.constant(apart, np.full(count, x_scale * w_scale), [0] * count)
        builder.op("FULLY_CONNECTED", [x, w, b], out, schema.FullyConnectedOptionsT(), version=4)
        flatbuffer, nothing = builder.build([x], [out]), np.zeros((1, 2), np.int8)
        np.testing.assert_array_equal(ours(flatbuffer, nothing, reference.rounding), reference.run(flatbuffer, nothing))
    assert seen > 20


@BIT_EXACT
@given(dense_layers())
def test_int8_layers_are_at_most_one_step_from_the_optimised_kernels(reference, layer):
    flatbuffer, values = layer
    other = reference.run(flatbuffer, values, "AUTO").astype(int)
    assert np.abs(ours(flatbuffer, values).astype(int) - other).max() <= 1


def pointwise(name, output_type, inputs, out_scale, out_zero, options=None, version=2):
    """Return a graph of one op over every int8 value (or the floats given), and its input."""
    builder = GraphBuilder()
    values, x_scale, x_zero = inputs
    quantised = [[x_scale], [x_zero]] if x_scale else []
    x = builder.tensor(values.shape, values.dtype.name, *quantised)
    out = builder.tensor(values.shape, output_type, *([[out_scale], [out_zero]] if out_scale else []))
    builder.op(name, [x], out, options, version)
    return builder.build([x], [out])


EVERY_INT8 = np.arange(-128, 128).astype(np.int8).reshape(1, 256)


@BIT_EXACT
@given(scales, zero_points)
def test_logistic_table_is_that_of_the_reference(reference, scale, zero_point):
    flatbuffer = pointwise("LOGISTIC", "int8", (EVERY_INT8, scale, zero_point), 1 / 256, -128)
    np.testing.assert_array_equal(ours(flatbuffer, EVERY_INT8), reference.run(flatbuffer, EVERY_INT8))


@BIT_EXACT
@given(scales, zero_points)
def test_tanh_table_is_that_of_the_reference_but_where_it_lies_between_two_steps(reference, scale, zero_point):
    flatbuffer = pointwise("TANH", "int8", (EVERY_INT8, scale, zero_point), 1 / 128, 0)
    steps = 128 * np.tanh(np.float32(scale) * (EVERY_INT8.astype(np.float64) - zero_point))
    clear = np.abs(steps - np.floor(steps) - 0.5) > 1e-4
    np.testing.assert_array_equal(ours(flatbuffer, EVERY_INT8)[clear], reference.run(flatbuffer, EVERY_INT8)[clear])


@BIT_EXACT
@given(scales, zero_points, scales, zero_points, st.sampled_from(["RELU", "RELU6"]))
def test_int8_rectifiers_are_those_of_the_reference(reference, scale, zero_point, out_scale, out_zero, name):
    assume(scale / out_scale < 256)
    flatbuffer = pointwise(name, "int8", (EVERY_INT8, scale, zero_point), out_scale, out_zero)
    np.testing.assert_array_equal(ours(flatbuffer, EVERY_INT8), reference.run(flatbuffer, EVERY_INT8))


@BIT_EXACT
@given(scales, zero_points, st.integers(0, 2**32))
def test_quantising_rounds_and_saturates_as_the_reference(reference, scale, zero_point, seed):
    rng = np.random.default_rng(seed)
    # Halves on purpose: they tell rounding to even from rounding away from zero.
    values = np.concatenate([rng.normal(size=64) * 100, rng.integers(-300, 300, 64) * 0.5 * scale])
    values = values.astype(np.float32).reshape(1, -1)
    flatbuffer = pointwise("QUANTIZE", "int8", (values, 0, 0), scale, zero_point, version=1)
    np.testing.assert_array_equal(ours(flatbuffer, values), reference.run(flatbuffer, values))


@BIT_EXACT
@given(scales, zero_points, scales, zero_points)
def test_requantising_is_that_of_the_reference(reference, scale, zero_point, out_scale, out_zero):
    assume(scale / out_scale < 256)
    flatbuffer = pointwise("QUANTIZE", "int8", (EVERY_INT8, scale, zero_point), out_scale, out_zero)
    np.testing.assert_array_equal(ours(flatbuffer, EVERY_INT8), reference.run(flatbuffer, EVERY_INT8))


@BIT_EXACT
@given(scales, zero_points)
def test_dequantising_is_that_of_the_reference(reference, scale, zero_point):
    flatbuffer = pointwise("DEQUANTIZE", "float32", (EVERY_INT8, scale, zero_point), 0, 0)
    np.testing.assert_array_equal(ours(flatbuffer, EVERY_INT8), reference.run(flatbuffer, EVERY_INT8))


@BIT_EXACT
@given(st.sampled_from(["ADD", "SUB", "MUL"]), st.tuples(scales, scales, scales), st.tuples(*[zero_points] * 3),
       st.integers(0, 2**32))  # fmt: skip
def test_int8_arithmetic_is_that_of_the_reference(reference, name, three_scales, three_zeros, seed):
    assume(max(three_scales[:2]) / three_scales[2] < 64)
    rng = np.random.default_rng(seed)
    values, other = (rng.integers(-128, 128, (1, 256), np.int8) for _ in range(2))
    builder = GraphBuilder()
    x = builder.tensor(values.shape, "int8", three_scales[:1], three_zeros[:1])
    y = builder.constant(other, three_scales[1:2], three_zeros[1:2])
    out = builder.tensor(values.shape, "int8", three_scales[2:], three_zeros[2:])
    options = {"ADD": schema.AddOptionsT, "SUB": schema.SubOptionsT, "MUL": schema.MulOptionsT}[name]()
    if name != "MUL":
        options.potScaleInt16 = False
    builder.op(name, [x, y], out, options, version=2)
    flatbuffer = builder.build([x], [out])
    np.testing.assert_array_equal(ours(flatbuffer, values), reference.run(flatbuffer, values))


@BIT_EXACT
@given(st.integers(1, 6), st.integers(1, 9), st.booleans(), st.integers(0, 2**32))
def test_choosing_the_nearest_of_several_is_that_of_the_reference(reference, n, modes, keep, seed):
    rng = np.random.default_rng(seed)
    # Few distinct values: they tell what becomes of two that are as near.
    values = rng.integers(-3, 4, (n, modes)).astype(np.float32)
    builder = GraphBuilder()
    x, axis = builder.tensor(values.shape), builder.constant(np.int32([1]))
    options = schema.ReducerOptionsT()
    options.keepDims = keep
    smallest = builder.tensor((n, 1) if keep else (n,))
    builder.op("REDUCE_MIN", [x, axis], smallest, options)
    if keep:
        chosen, weights = builder.tensor((n, modes), "bool"), builder.tensor((n, modes))
        builder.op("GREATER_EQUAL", [smallest, x], chosen, schema.GreaterEqualOptionsT())
        options = schema.CastOptionsT()
        options.inDataType, options.outDataType = schema.TensorType.BOOL, schema.TensorType.FLOAT32
        builder.op("CAST", [chosen], weights, options)
    flatbuffer = builder.build([x], [weights if keep else smallest])
    given_here = ours(flatbuffer, values)
    np.testing.assert_array_equal(given_here, reference.run(flatbuffer, values))
    expected = values == values.min(axis=1, keepdims=True) if keep else values.min(axis=1)
    np.testing.assert_array_equal(given_here, expected)


@BIT_EXACT
@given(st.sampled_from(["MINIMUM", "MAXIMUM"]), st.booleans(), st.integers(0, 2**32))
def test_limiting_is_that_of_the_reference(reference, name, of_rows, seed):
    rng = np.random.default_rng(seed)
    values, limit = (rng.normal(size=shape).astype(np.float32) for shape in ((5, 7), (1, 7) if of_rows else (1,)))
    builder = GraphBuilder()
    x, y, out = builder.tensor(values.shape), builder.constant(limit), builder.tensor(values.shape)
    builder.op(name, [x, y], out, schema.MaximumMinimumOptionsT())
    flatbuffer = builder.build([x], [out])
    np.testing.assert_array_equal(ours(flatbuffer, values), reference.run(flatbuffer, values))


@pytest.mark.parametrize("asymmetric", [False, True])
def test_layers_with_int8_weights_alone_agree_closely(reference, asymmetric):
    rng = np.random.default_rng(4)
    values, weights = rng.normal(size=(50, 30)).astype(np.float32), rng.integers(-127, 128, (8, 30), np.int8)
    builder = GraphBuilder()
    x, out = builder.tensor(values.shape), builder.tensor((50, 8))
    w = builder.constant(weights, [0.01], [0])
    b = builder.constant(rng.normal(size=8).astype(np.float32))
    options = schema.FullyConnectedOptionsT()
    options.asymmetricQuantizeInputs = asymmetric
    builder.op("FULLY_CONNECTED", [x, w, b], out, options, version=9)
    flatbuffer = builder.build([x], [out])
    np.testing.assert_allclose(ours(flatbuffer, values), reference.run(flatbuffer, values), rtol=2e-5, atol=1e-5)


def test_file_of_16_bits_gives_the_codes_and_scores_of_the_runtime(trained, tmp_path):
    from export.export_run import ExportSettings, export_run

    path, windows = tmp_path / "pump.tflite", sliding_windows(pump_rows(500, seed=9), 3)
    export_run(trained.folder, ExportSettings("int16x8")).write(path)
    fast, plain = (Detector.load(path, runtime=name) for name in ("ai-edge-litert", "numpy"))
    # LiteRT's optimised sigmoid is a few steps of 2**-15 from that of its reference kernels, which we follow.
    np.testing.assert_allclose(plain.encode(windows), fast.encode(windows), rtol=0, atol=16 / 32768)
    np.testing.assert_allclose(plain.score_many(windows), fast.score_many(windows), rtol=0.01)


def test_exported_detector_gives_the_scores_of_the_runtime(model_path):
    windows = sliding_windows(pump_rows(500, seed=9), 3)
    fast, plain = (Detector.load(model_path, runtime=name) for name in ("ai-edge-litert", "numpy"))
    np.testing.assert_allclose(plain.score_many(windows), fast.score_many(windows), rtol=1e-4)
    np.testing.assert_allclose(plain.explain_many(windows), fast.explain_many(windows), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(plain.expected_many(windows), fast.expected_many(windows), rtol=1e-5)
    np.testing.assert_array_equal(plain.encode(windows), fast.encode(windows))


def test_many_windows_go_through_the_graph_at_once(model_path):
    detector = Detector.load(model_path, runtime="numpy")
    batches = []
    invoke = Interpreter.invoke
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Interpreter, "invoke", lambda self: (batches.append(len(self._values[0])), invoke(self)))
        detector.score_many(np.zeros((3000, 3, 4)))
    assert max(batches) > 100


def test_numpy_is_used_where_no_runtime_is_installed(monkeypatch):
    monkeypatch.delenv("SAELITE_RUNTIME", raising=False)
    monkeypatch.setattr("edge_runtime.inference.runtimes.installed_runtimes", list)
    assert find_runtime().name == NUMPY


def test_numpy_executor_needs_numpy_alone(model_path):
    code = (
        "import sys\n"
        "for name in ('ai_edge_litert', 'tflite_runtime', 'flatbuffers', 'tensorflow'): sys.modules[name] = None\n"
        "from edge_runtime import Detector\n"
        f"detector = Detector.load({str(model_path)!r}, runtime='numpy')\n"
        "print(detector.score([[30, 101325, 1.2, 0.002]] * 3) > 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "True\n"


@pytest.mark.parametrize("kernel", SWEPT)
def test_integer_kernels_are_those_of_the_reference_for_random_scales(reference, kernel):
    found, _ = sweep(reference, kernel, values=10_000, seed=7)
    assert found["compared"] >= 10_000
    assert not found["differ"]


def test_layers_of_types_that_are_not_here_are_refused_with_what_to_do():
    builder = GraphBuilder()
    x, y = builder.tensor((1, 2), "int16", [0.1], [0]), builder.tensor((1, 3), "int16", [0.1], [0])
    weights = builder.constant(np.ones((3, 2), np.int16), [0.1], [0])
    builder.op("FULLY_CONNECTED", [x, weights], y, schema.FullyConnectedOptionsT())
    with pytest.raises(ModelFileError, match=r"int16 and int16 to int16 is not in .* --quantize int8"):
        Interpreter(builder.build([x], [y]))


@pytest.mark.parametrize("name", ["LOGISTIC", "TANH"])
def test_int16_activations_of_other_scales_than_the_kernels_demand_are_refused(name):
    builder = GraphBuilder()
    x, y = builder.tensor((1, 2), "int16", [0.1], [0]), builder.tensor((1, 2), "int16", [0.1], [0])
    builder.op(name, [x], y)
    with pytest.raises(ModelFileError, match=r"expected zero points of 0 .* scale 2\*\*-15"):
        Interpreter(builder.build([x], [y]))


def test_wide_sums_are_multiplied_without_overflow():
    values = np.array([2**46 - 1, -(2**46), 2**40 + 12345])
    fraction, shift = 1_717_986_918, 34  # 0.1 * 2**34, rounded
    exact = [(int(value) * fraction + 2 ** (shift - 1)) // 2**shift for value in values]
    assert Multiplier.of(0.1, Rounding.ONCE).apply(values).tolist() == exact


def test_op_numbers_are_those_of_the_schema():
    assert {name: getattr(schema.BuiltinOperator, name) for name, _ in KERNELS.values()} == {
        name: code for code, (name, _) in KERNELS.items()
    }


@settings(max_examples=300)
@given(data=st.data())
def test_damaged_graphs_are_refused_or_run_but_never_crash(exported, data):
    content = bytearray(exported.flatbuffer)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.sampled_from([len(content), data.draw(st.integers(8, len(content)))]))
    with contextlib.suppress(ModelFileError):
        Interpreter(bytes(content[:cut])).allocate_tensors()


@given(st.binary(max_size=300))
def test_random_bytes_are_no_graph(content):
    with pytest.raises(ModelFileError):
        Interpreter(content + b"\0" * 4)


def test_one_rounding_is_the_exact_product_rounded():
    values = np.arange(-(2**20), 2**20, 977)
    fraction, shift = 1_288_490_189, 32  # 0.3 * 2**32, rounded
    exact = [(int(value) * fraction + 2 ** (shift - 1)) // 2**shift for value in values]
    assert Multiplier.of(0.3, Rounding.ONCE).apply(values).tolist() == exact


@pytest.mark.parametrize(
    "changes",
    [{"penalty": "topk"}, {"features": ("values", "spectrum")}, {"scheme": "mixed", "head": "deep"},
     *({"head": head} for head in PARTS)],
    ids=str,
)  # fmt: skip
def test_every_kind_of_detector_scores_and_explains_as_in_the_runtime(tmp_path, changes):
    from export.export_run import ExportSettings, export_run
    from training.pipeline import train
    from training.recordings import Recording
    from training.settings import DetectorSettings

    # One epoch leaves which codes are largest to chance.
    scheme = changes.get("scheme", "float32" if "penalty" in changes else "int8")
    changes = {"head": "t2x", "features": ("values",), **changes}
    changes.pop("scheme", None)
    settings_ = DetectorSettings(window=8, code_size=6, bands=3, epochs=1, **changes)
    rows = pump_rows(800)
    rows[:, 0] += 60 * (np.arange(800) // 40 % 2)  # two ways of working
    path = tmp_path / "pump.tflite"
    export_run(train(Recording("pump", SENSORS, rows), settings_).folder, ExportSettings(scheme)).write(path)
    windows = sliding_windows(pump_rows(300, seed=4), 8).copy()
    windows[::2, :, 0] += 60
    fast, plain = (Detector.load(path, runtime=name) for name in ("ai-edge-litert", "numpy"))
    names = tuple(sorted(fast.outputs))
    assert set(names) >= {"codes", "contributions", "score"}
    here, there = plain.outputs_many(windows, names), fast.outputs_many(windows, names)
    # Where LiteRT rounds a value between two steps the other way, a code is a step apart.
    close = {name: np.isclose(here[name], there[name], rtol=1e-3, atol=1e-5 * np.abs(there[name]).max()).mean()
             for name in names}  # fmt: skip
    assert min(close.values()) > 0.98, close
