"""A model file is checked for meaning, and its graph byte by byte, before any runtime sees it."""

import io
import json
import struct
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from tflite_graphs import GraphBuilder

from edge_runtime.common.size_limits import limit
from edge_runtime.errors import ModelFileError
from edge_runtime.inference.runtimes import Runtime, installed_runtimes
from edge_runtime.model_file.checking.memory import check_memory
from edge_runtime.model_file.checking.tflite_graph import read_checked_graph
from edge_runtime.model_file.checking.whole_file import check_flatbuffer, check_model
from edge_runtime.model_file.checking.work import check_work
from edge_runtime.model_file.container import ModelFile, parse_model_file, read_model_file
from edge_runtime.model_file.manifest import Manifest
from edge_runtime.model_file.npy import read_npy
from edge_runtime.model_file.zip_tail import Member, join, pack, split


def with_manifest(model, content):
    """Return a file of this flatbuffer with other bytes as its manifest, everything else in order."""
    flatbuffer, members = split(model.to_bytes())
    return flatbuffer + join({**members, "saelite.json": pack("saelite.json", content)}.values())


def changed(model, path, text):
    """Return the file with one manifest field replaced, as JSON text."""
    data = json.loads(model.manifest.to_bytes())
    *parents, last = path.split(".")
    place = data
    for name in parents:
        place = place[int(name)] if name.isdigit() else place[name]
    place[int(last) if last.isdigit() else last] = "HERE"
    return with_manifest(model, json.dumps(data).replace('"HERE"', text).encode())


MEANINGLESS = [
    ("threshold.value", "NaN"), ("threshold.value", "Infinity"), ("threshold.value", "1e999"),
    ("threshold.value", "1e39"), ("threshold.value", "-1"), ("threshold.value", "0"),
    ("threshold.target_far", "2"), ("threshold.target_far_upper", "-0.5"), ("threshold.n_effective", "-1"),
    ("threshold.n_settling", "-1"),
    ("threshold.promised", "-1"), ("threshold.promised_upper", "Infinity"), ("threshold.more_s", "-1"),
    ("bands", "[1]"), ("bands", "[1, 2, 3, -1]"), ("bands.0", "1e39"), ("tried.0.detection", "1.5"),
    ("version", "-1"), ("threshold.n_windows", "1" + "0" * 400), ("threshold.comparison", '"<"'),
    ("spec.preprocessing.window", "-1"), ("spec.preprocessing.window", "0"), ("spec.preprocessing.window", "2"),
    ("spec.preprocessing.stride", "0"), ("spec.preprocessing.stride", "1000000000"),
    ("spec.preprocessing.scale", "[]"), ("spec.preprocessing.scale.1", "0"), ("spec.preprocessing.scale.1", "1e-300"),
    ("spec.preprocessing.scale.1", "-1"), ("spec.preprocessing.center", "[0]"),
    ("spec.preprocessing.center.0", "1" + "0" * 400), ("spec.preprocessing.center.0", "1" * 5000),
    ("spec.preprocessing.limit", "0"), ("spec.preprocessing.features", '["smell"]'),
    ("spec.preprocessing.features", "[]"), ("spec.preprocessing.feature_scale", "[1]"),
    ("spec.scoring.smoothing_span", "1000000000"), ("spec.scoring.smoothing_span", "0"),
    ("spec.scoring.mean_rate", "1"), ("spec.scoring.scale_rate", "1"), ("spec.scoring.scale_rate", "-0.1"),
    ("spec.scoring.head", '"hat"'), ("spec.sensors", "[]"),
    ("spec.sensors.1.name", '"flow"'), ("mean_activation.0", "NaN"), ("mean_activation", "[0.5]"),
    ("drift", '{"window": 0, "limit": 1}'), ("drift", '{"window": 5, "limit": -Infinity}'),
    ("parity.score_correlation", "NaN"), ("quantization.input_scale", "-1"), ("graph", '"other"'),
    ("schema", "1" * 5000), ("name", "[" * 100_000),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), MEANINGLESS, ids=lambda text: text[:40])
def test_manifest_that_cannot_be_meant_is_one_error_of_ours(exported, tmp_path, field, value):
    content = changed(exported, field, value)
    with pytest.raises(ModelFileError) as caught:
        parse_model_file(content, tmp_path / "m.tflite")
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{}", b"[1]", b'{"schema": 2}', b"null", b"\x00" * 100])
def test_manifest_that_is_none_is_an_error_of_ours(exported, tmp_path, content):
    with pytest.raises(ModelFileError):
        parse_model_file(with_manifest(exported, content), tmp_path / "m.tflite")


def test_threshold_that_never_alarms_is_refused_by_every_command(saelite, exported, tmp_path):
    (tmp_path / "m.tflite").write_bytes(changed(exported, "threshold.value", "1e999"))
    (tmp_path / "log.csv").write_text("flow,pressure,current,vibration\n1,2,3,4\n")
    for command in (["verify"], ["inspect"], ["score", "log.csv", "-o", "s.csv"], ["run", "--source", "csv:log.csv"]):
        result = saelite(command[0], "m.tflite", *command[1:])
        assert result.returncode == 1, command
        assert "threshold.value" in result.stderr
        assert "finite" in result.stderr
    attached = saelite("attach", "m.tflite", "m.tflite", "-o", "again.tflite")
    assert attached.returncode == 1
    assert not (tmp_path / "again.tflite").exists()


def test_threshold_given_by_hand_is_checked_before_the_file_is_written(saelite, tmp_path):
    builder = GraphBuilder()
    values, rebuilt = builder.tensor((1, 1), name="in"), builder.tensor((1, 1), name="out")
    builder.op("TANH", [values], rebuilt)
    (tmp_path / "theirs.tflite").write_bytes(builder.build([values], [rebuilt]))
    for threshold in ("nan", "inf", "-1"):
        result = saelite("attach", "theirs.tflite", "--threshold", threshold, "-o", "m.tflite")
        assert result.returncode == 2, result.stdout
        assert "--threshold: expected a number above 0" in result.stderr
        assert not (tmp_path / "m.tflite").exists()


def test_every_file_of_ours_passes(exported, train_head):
    from export.export_run import ExportSettings, export_run

    for head, scheme in (("t2", "float32"), ("spe", "float32"), ("joint", "int16x8"), ("t2x", "dynamic")):
        model = export_run(train_head(head), ExportSettings(scheme))
        check_model(model.flatbuffer, model.manifest, model.arrays)
    check_model(exported.flatbuffer, exported.manifest, exported.arrays)


def test_arrays_are_read_without_evaluating_their_header():
    buffer = io.BytesIO()
    np.save(buffer, np.arange(6, dtype=np.float64).reshape(2, 3))
    np.testing.assert_array_equal(read_npy(buffer.getvalue()), np.arange(6).reshape(2, 3))
    brackets = b"{'descr': '<f4', 'shape': " + b"(" * 9000 + b")" * 9000 + b"}\n"
    bomb = b"{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999, 999999999999, ), }\n"
    for header in (brackets, bomb, b"", b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n"):
        content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(4)
        with pytest.raises(ValueError, match=r"header|shape"):
            read_npy(content)


def test_array_with_a_number_that_is_none_is_refused(exported, tmp_path):
    arrays = exported.arrays | {"reference_windows": exported.arrays["reference_windows"] * np.float32(np.nan)}
    with pytest.raises(ModelFileError, match="finite numbers in 'reference_windows'"):
        parse_model_file(replace(exported, arrays=arrays).to_bytes(), tmp_path / "m.tflite")


def test_file_that_is_too_large_is_refused_before_it_is_read(exported, tmp_path, monkeypatch):
    path = tmp_path / "huge.tflite"
    path.write_bytes(exported.to_bytes())
    with path.open("r+b") as file:
        file.truncate(3_000_000_000)
    with pytest.raises(ModelFileError, match=r"too large.*SAELITE_MAX_MODEL_MB"):
        read_model_file(path)
    small = tmp_path / "pump.tflite"
    exported.write(small)
    monkeypatch.setenv("SAELITE_MAX_MODEL_MB", "1")
    assert read_model_file(small).manifest == exported.manifest


def test_member_that_unpacks_to_gigabytes_is_refused_before_it_is_unpacked(exported, tmp_path):
    flatbuffer, members = split(exported.to_bytes())
    bomb = Member("bomb.npy", 8, 0, 4_000_000_000, b"\x00" * 100)
    content = flatbuffer + join([*members.values(), bomb])
    with pytest.raises(ModelFileError, match="unpacks to 4000 MB"):
        parse_model_file(content, tmp_path / "m.tflite")


def rehashed(model, flatbuffer):
    """Return the model with another flatbuffer and the SHA-256 that fits it, as a forger would."""
    other = ModelFile(bytes(flatbuffer), model.manifest, model.arrays)
    return replace(other, manifest=replace(model.manifest, flatbuffer_sha256=other.sha256))


@pytest.fixture(scope="module")
def host_scored(trained):
    """A file whose head, of three modes, runs on the host."""
    from export.export_run import ExportSettings, export_run

    model = export_run(trained.folder, ExportSettings("float32", "micro"))
    d, rng = model.manifest.spec.preprocessing.inputs, np.random.default_rng(4)
    sensors = model.manifest.spec.preprocessing.sensors
    shapes = {"head_mean": (d,), "head_whitening": (3, d, 2), "head_centers": (3, 2), "attribution_mean": (3, d),
              "attribution_blame": (3, d, d), "attribution_level": (3, d, sensors),
              "attribution_level_bias": (3, sensors)}  # fmt: skip
    arrays = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    spec = model.manifest.spec._replace(scoring=model.manifest.spec.scoring._replace(head="modes"))
    references = {name: array for name, array in model.arrays.items() if name.startswith("reference_")}
    return replace(model, manifest=replace(model.manifest, spec=spec), arrays=arrays | references)


@pytest.mark.parametrize(
    "shapes",
    [
        {},
        {"attribution_level": (3, "d", 0), "attribution_level_bias": (3, 0)},
        {"attribution_blame": (3, "d")},
        {"head_whitening": ("d",), "head_centers": (3, "d")},
        {"head_whitening": ("d", 5), "head_centers": (3, 5)},
    ],
)
def test_head_and_attribution_of_modes_fit_each_other(host_scored, shapes):
    check_model(host_scored.flatbuffer, host_scored.manifest, host_scored.arrays | reshaped(host_scored, shapes))


@pytest.mark.parametrize(
    "shapes",
    [
        {"head_mean": (1,)},
        {"head_mean": ("d", 1)},
        {"head_whitening": (2, "d", 2)},
        {"head_whitening": (3, 2, "d")},
        {"head_whitening": ("d", 0), "head_centers": (3, 0)},
        {"head_whitening": (3, "d", 2), "head_centers": None},
        {"head_centers": (3, 1)},
        {"head_centers": ()},
        {"head_centers": (0, 2), "head_whitening": (0, "d", 2)},
        {"attribution_mean": (2, "d"), "attribution_blame": (2, "d")},
        {"attribution_mean": (3, 1)},
        {"attribution_blame": (3, "d", 1)},
        {"attribution_level": (3, "d", 1)},
        {"attribution_level_bias": (3, 0)},
        {"attribution_level": None},
        {"reference_scores": (1,)},
        {"reference_faulty": None},
        {"reference_codes": (32,)},
    ],
)
def test_head_and_attribution_that_do_not_fit_are_refused(host_scored, shapes):
    arrays = host_scored.arrays | reshaped(host_scored, shapes)
    with pytest.raises(ModelFileError, match="do not match"):
        check_model(
            host_scored.flatbuffer, host_scored.manifest, {name: a for name, a in arrays.items() if a is not None}
        )


def reshaped(model, shapes):
    """Return arrays of other shapes, "d" the number of inputs; None stays."""
    inputs = model.manifest.spec.preprocessing.inputs
    sizes = {name: shape and tuple(inputs if size == "d" else size for size in shape) for name, shape in shapes.items()}
    return {name: None if shape is None else np.ones(shape, np.float32) for name, shape in sizes.items()}


def test_random_changes_of_the_graph_end_in_an_error_of_ours_or_in_a_graph_within_bounds(exported):
    rng, flatbuffer = np.random.default_rng(12), exported.flatbuffer
    refused = 0
    for _ in range(3000):
        content = bytearray(flatbuffer)
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            content[place] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.integers(0, 256)])
        try:
            check_flatbuffer(bytes(content))
        except ModelFileError:
            refused += 1
    assert 300 < refused < 3000


@pytest.mark.parametrize("share", [0.0, 0.01, 0.2, 0.5, 0.9, 0.999])
def test_graph_that_is_cut_off_is_refused(exported, share):
    with pytest.raises(ModelFileError, match="the graph is damaged"):
        check_flatbuffer(exported.flatbuffer[: int(share * len(exported.flatbuffer))])


def test_tensor_name_that_is_not_utf_8_is_refused(exported):
    content = exported.flatbuffer.replace(b"contributions", b"contribution\xff")
    assert content != exported.flatbuffer
    with pytest.raises(ModelFileError, match="not UTF-8"):
        check_flatbuffer(content)


def graph(*ops, inputs=((1, 4),), outputs=1, constants=()):
    """Return a graph whose tensors are inputs, constants, then one result of shape (1, 4) an op."""
    builder = GraphBuilder()
    first = [builder.tensor(shape, name=f"in{number}") for number, shape in enumerate(inputs)]
    for constant in constants:
        builder.constant(constant)
    for name, takes, shape, *options in ops:
        builder.op(name, takes, builder.tensor(shape), *options)
    return builder.build(first, [len(builder.tensors) - 1 - number for number in range(outputs)])


def strided(name):
    """Return options of a convolution, which has a stride."""
    options = getattr(schema, f"{name}OptionsT")()
    options.strideW = options.strideH = 1
    return options


def test_ops_that_do_not_compute_are_refused():
    for name in ("CALL_ONCE", "WHILE", "VAR_HANDLE", "CUSTOM", "RANDOM_UNIFORM", "HASHTABLE", "DELEGATE"):
        with pytest.raises(ModelFileError, match="a detector may not hold"):
            check_flatbuffer(graph((name, [0], (1, 4))))
    check_flatbuffer(graph(("TANH", [0], (1, 4))))


@pytest.mark.parametrize(
    ("ops", "words"),
    [
        ([("ADD", [0], (1, 4))], "op ADD takes the tensors"),
        ([("ADD", [0, -1], (1, 4))], "op ADD takes the tensors"),
        ([("TANH", [2], (1, 4)), ("TANH", [0], (1, 4))], "not computed yet"),
        ([("TANH", [1], (1, 4))], "not computed yet"),
        ([("FULLY_CONNECTED", [0, 0], (1, 4))], "says"),
    ],
)
def test_ops_whose_tensors_do_not_fit_are_refused(ops, words):
    with pytest.raises(ModelFileError, match=words):
        check_flatbuffer(graph(*ops))


def test_tensor_numbers_beyond_the_end_are_refused():
    content = bytearray(graph(("TANH", [0], (1, 4))))
    place = bytes(content).index(struct.pack("<ii", 1, 0), 8)
    content[place + 4 : place + 8] = struct.pack("<i", 99)
    with pytest.raises(ModelFileError):
        check_flatbuffer(bytes(content))


@pytest.mark.parametrize(
    "content",
    [
        graph(("ADD", [0, 1], (1, 4)), inputs=((30_000, 1), (1, 30_000))),
        graph(("ADD", [0, 1], (30_000, 30_000)), inputs=((30_000, 1), (1, 30_000))),
        graph(("TILE", [0, 1], (1, 4)), constants=[np.array([30_000, 30_000], np.int32)]),
        graph(("FILL", [1, 0], (1, 4)), inputs=((),), constants=[np.array([2**30, 8], np.int32)]),
        graph(("PAD", [0, 1], (1, 4)), constants=[np.array([[2**30, 0], [0, 0]], np.int32)]),
        graph(*[("BATCH_MATMUL", [0, 0], (4000, 1, 200_000))], inputs=((4000, 1),)),
    ],
)
def test_graphs_that_would_take_gigabytes_are_refused(content):
    with pytest.raises(ModelFileError, match=r"gives \d+ values|Expected at most 128 MB"):
        check_memory(read_checked_graph(content))


@pytest.mark.parametrize(
    "content",
    [
        graph(("ADD", [0, 1], (3000, 3000)), ("BATCH_MATMUL", [2, 2], (3000, 3000)), inputs=((3000, 1), (1, 3000))),
        graph(("FULLY_CONNECTED", [0, 1, -1], (3000, 3000)), inputs=((3000, 3000), (3000, 3000))),
        graph(("CONV_2D", [0, 1], (1, 100, 100, 512), strided("Conv2D")), inputs=((1, 100, 100, 64), (512, 3, 3, 64))),
        graph(
            ("TRANSPOSE_CONV", [2, 1, 0], (1, 100, 100, 512), strided("TransposeConv")),
            inputs=((1, 100, 100, 64), (512, 3, 3, 64)),
            constants=[np.array([1, 100, 100, 512], np.int32)],
        ),
    ],
)
def test_graphs_that_would_take_minutes_are_refused(content):
    shapes = check_memory(read_checked_graph(content))
    with pytest.raises(ModelFileError, match=r"takes \d{4,5} million multiplications a window. Expected at most 2000"):
        check_work(read_checked_graph(content), shapes)


def test_limit_of_work_can_be_raised(monkeypatch):
    content = graph(("FULLY_CONNECTED", [0, 1, -1], (1, 3000)), inputs=((1, 3000), (3000, 3000)))
    check_flatbuffer(content)
    monkeypatch.setenv("SAELITE_MAX_MEGAOPS", "8")
    with pytest.raises(ModelFileError, match=r"takes 9 million.*Set SAELITE_MAX_MEGAOPS to raise"):
        check_flatbuffer(content)


@pytest.mark.parametrize("runtime", [*installed_runtimes(), Runtime("numpy")], ids=lambda runtime: runtime.name)
def test_graph_that_is_large_between_its_layers_is_not_run_on_a_thousand_windows_at_once(runtime, tmp_path):
    code = (
        "import sys\nimport numpy as np\nfrom edge_runtime.inference.batching import BatchedGraph\n"
        "from edge_runtime.inference.runtimes import Options, Runtime\n"
        "content = open(sys.argv[1], 'rb').read()\n"
        "graph = BatchedGraph(lambda: Runtime(sys.argv[2]).open(content, Options()))\n"
        "graph.run(np.zeros((1024, 4), np.float32), ('out',))\n"
        "print(int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) // 1024)"
    )
    builder = GraphBuilder()
    values, wide = builder.tensor((1, 4), name="in"), builder.tensor((1, 500_000))
    weights = builder.constant(np.zeros((500_000, 4), np.int8), [1.0], [0])
    floats = builder.tensor((500_000, 4))
    builder.op("DEQUANTIZE", [weights], floats)
    builder.op("FULLY_CONNECTED", [values, floats, -1], wide, schema.FullyConnectedOptionsT())
    axis, out = builder.constant(np.array([1], np.int32)), builder.tensor((1, 1), name="out")
    options = schema.ReducerOptionsT()
    options.keepDims = True
    builder.op("SUM", [wide, axis], out, options)
    path = tmp_path / "wide.tflite"
    path.write_bytes(builder.build([values], [out]))
    check_flatbuffer(path.read_bytes())
    command = [sys.executable, "-c", code, str(path), runtime.name]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout.splitlines()[-1]) < 800


def test_limits_are_whole_numbers(monkeypatch):
    for text in ("0", "-1", "many", "1e3", "9" * 5000):
        monkeypatch.setenv("SAELITE_MAX_COLUMNS", text)
        with pytest.raises(ValueError, match="SAELITE_MAX_COLUMNS"):
            limit("SAELITE_MAX_COLUMNS")


def test_manifest_by_itself_is_read_as_before(exported):
    assert Manifest.from_bytes(exported.manifest.to_bytes()) == exported.manifest
