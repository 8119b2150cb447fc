"""Op versions: those of TensorFlow's own converter for the same types, and no newer than the target's."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from edge_runtime.errors import ModelFileError
from edge_runtime.inference.runtimes import Runtime, installed_runtimes
from export import flatbuffer
from export.export_run import ExportSettings, export_run
from export.installed import InstalledRuntime
from export.op_versions import set_op_versions
from export.runtime_check import run_graph

OLD = Runtime("tflite-runtime")
# The converter misses options that it had in the past.
OLD_OPTIONS = "ignore:Statistics for quantized inputs"


def versions(content):
    """Return each op with the types of its data input and output, and its version."""
    parsed = flatbuffer.parse(content)
    tensors, codes = parsed.subgraph.tensors, parsed.tree.operatorCodes
    return {
        (parsed.op_name(op), *(flatbuffer.type_name(tensors[ends[0]]) for ends in (op.inputs, op.outputs))):
        codes[op.opcodeIndex].version
        for op in parsed.subgraph.operators
    }  # fmt: skip


@pytest.fixture(scope="module")
def converted():
    """Files of dense layers as TensorFlow's converter stamps them, in int8 and in float16."""
    model = keras.Sequential([keras.Input((12,)), keras.layers.Dense(16, "tanh"), keras.layers.Dense(8, "sigmoid")])
    rows = np.random.default_rng(0).normal(size=(20, 1, 12)).astype(np.float32)
    files = []
    for scheme in ("int8", "float16"):
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if scheme == "int8":
            converter.representative_dataset = lambda: ([row] for row in rows)
        else:
            converter.target_spec.supported_types = [tf.float16]
        files.append(converter.convert())
    return files


@pytest.mark.filterwarnings(OLD_OPTIONS)
def test_versions_that_were_lost_are_found_again(converted):
    for content in converted:
        parsed = flatbuffer.parse(content)
        for code in parsed.tree.operatorCodes:
            code.version = 1
        lost = flatbuffer.serialize(parsed.tree)
        assert versions(lost) != versions(content)
        assert versions(flatbuffer.changed(lost, set_op_versions).content) == versions(content)


@pytest.mark.filterwarnings(OLD_OPTIONS)
@pytest.mark.parametrize(
    ("target", "scheme"), [("cpu", "int8"), ("edgetpu", "int8"), ("micro", "int8"), ("cpu", "float16")]
)
def test_ops_have_the_versions_that_tensorflow_stamps(trained, converted, target, scheme):
    ours = versions(export_run(trained.folder, ExportSettings(scheme, target)).flatbuffer)
    theirs = {key: version for content in converted for key, version in versions(content).items()}
    shared = ours.keys() & theirs.keys()
    assert {one: ours[one] for one in shared} == {one: theirs[one] for one in shared}
    assert scheme in str(shared)


def test_int16_layers_have_the_first_versions_with_such_kernels(trained):
    found = versions(export_run(trained.folder, ExportSettings("int16x8")).flatbuffer)
    assert found["FULLY_CONNECTED", "int16", "int16"] == 7
    assert found["LOGISTIC", "int16", "int16"] == 3
    assert found["QUANTIZE", "float32", "int16"] == 2
    assert found["DEQUANTIZE", "int16", "float32"] == 3
    assert found["FULLY_CONNECTED", "float32", "float32"] == 1


@pytest.mark.skipif(OLD not in installed_runtimes(), reason="tflite-runtime is not installed")
def test_file_that_an_old_runtime_would_score_wrongly_is_refused_by_it(trained):
    model = export_run(trained.folder, ExportSettings("dynamic", "litert"))
    assert ("FULLY_CONNECTED", 12) in {(op.name, op.version) for op in model.manifest.ops}
    with pytest.raises(ModelFileError, match=r"FULLY_CONNECTED.*12"):
        run_graph(InstalledRuntime.here(OLD), model.flatbuffer, trained.folder.windows.windows[:1])
