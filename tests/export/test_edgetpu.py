"""The Edge TPU's compiler, stood in for by a script with its options, its log and its custom op."""

import subprocess
import sys
from dataclasses import replace

import pytest

from edge_runtime.errors import ModelFileError
from edge_runtime.model_file.container import read_model_file
from export import flatbuffer
from export.edgetpu import CUSTOM_OP, attach, compile_model, expected_places, read_log
from export.export_run import ExportSettings, export_run

# Does to a graph what edgetpu_compiler does to one that it maps whole. It proves the handling of its files, not
# that the real compiler maps the graph: that has not been run here.
STAND_IN = """#!{python}
import sys
from pathlib import Path
import flatbuffers
from ai_edge_litert import schema_py_generated as schema
source, folder = Path(sys.argv[-1]), Path(sys.argv[sys.argv.index("--out_dir") + 1])
model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(source.read_bytes(), 0))
(graph,) = model.subgraphs
code, operator = schema.OperatorCodeT(), schema.OperatorT()
code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
code.customCode, code.version = b"edgetpu-custom-op", 1
operator.opcodeIndex, operator.inputs, operator.outputs = 0, graph.inputs, graph.outputs
count = len(graph.operators)
model.operatorCodes, graph.operators = [code], [operator]
builder = flatbuffers.Builder(1024)
builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
(folder / (source.stem + "_edgetpu.tflite")).write_bytes(bytes(builder.Output()))
(folder / (source.stem + "_edgetpu.log")).write_text('''Edge TPU Compiler version 16.0.384591198
Input: model.tflite
Output: model_edgetpu.tflite

Operator                       Count      Status

FULLY_CONNECTED                2          Mapped to Edge TPU
LOGISTIC                       1          Mapped to Edge TPU
''')
print("Edge TPU Compiler version 16.0.384591198")
"""


@pytest.fixture(scope="module")
def uncompiled(trained):
    return export_run(trained.folder, ExportSettings(target="edgetpu"))


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    path = tmp_path / "edgetpu_compiler"
    path.write_text(STAND_IN.format(python=sys.executable))
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return path


def test_every_op_of_the_graph_is_expected_on_the_tpu(uncompiled):
    places = expected_places(flatbuffer.parse(uncompiled.flatbuffer))
    assert [place.op for place in places] == ["FULLY_CONNECTED", "FULLY_CONNECTED", "LOGISTIC"]
    assert {place.place for place in places} == {"Edge TPU"}
    assert uncompiled.manifest.op_places == places


def test_ops_after_one_the_tpu_lacks_are_expected_on_the_cpu(exported):
    places = expected_places(flatbuffer.parse(exported.flatbuffer))
    first = next(number for number, place in enumerate(places) if place.place == "CPU")
    assert {place.place for place in places[first:]} == {"CPU"}
    assert any("comes after" in place.reason for place in places)


def test_log_with_ops_left_to_the_cpu_is_read():
    log = """Operator                       Count      Status

CONCATENATION                  1          More than one subgraph is not supported
QUANTIZE                       2          Mapped to Edge TPU
QUANTIZE                       1          Operation is otherwise supported, but not mapped
"""
    assert [(place.op, place.count, place.place) for place in read_log(log)] == [
        ("CONCATENATION", 1, "CPU"), ("QUANTIZE", 2, "Edge TPU"), ("QUANTIZE", 1, "CPU"),
    ]  # fmt: skip


def test_compiled_graph_gets_its_manifest_back(uncompiled, compiler, tmp_path):
    compiled = compile_model(uncompiled)
    compiled.write(tmp_path / "tpu.tflite")
    again = read_model_file(tmp_path / "tpu.tflite")
    assert {op.name for op in again.manifest.ops} == {CUSTOM_OP}
    assert [(place.op, place.count) for place in again.manifest.op_places] == [("FULLY_CONNECTED", 2), ("LOGISTIC", 1)]
    assert again.manifest.provenance.packages["edgetpu_compiler"] == "16.0.384591198"
    assert again.manifest.threshold == uncompiled.manifest.threshold
    assert "before compilation" in again.manifest.not_run[0].reason


def test_without_the_compiler_nothing_is_compiled(uncompiled, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert compile_model(uncompiled) is None


def test_compiler_that_fails_is_quoted(uncompiled, compiler):
    compiler.write_text("#!/bin/sh\necho 'Internal compiler error. Aborting!' >&2\nexit 1\n")
    with pytest.raises(ModelFileError, match="Internal compiler error"):
        compile_model(uncompiled)


def test_graph_without_a_part_for_the_tpu_is_refused(uncompiled):
    with pytest.raises(ModelFileError, match="no edgetpu-custom-op"):
        attach(uncompiled, uncompiled.flatbuffer)


def test_graph_of_another_model_is_refused(uncompiled, compiler):
    compiled = compile_model(uncompiled).flatbuffer
    model = flatbuffer.parse(uncompiled.flatbuffer).tree
    entry = model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]]
    entry.quantization.scale = entry.quantization.scale * 2
    with pytest.raises(ModelFileError, match="not made from this model"):
        attach(replace(uncompiled, flatbuffer=flatbuffer.serialize(model)), compiled)


def test_attach_command_puts_the_manifest_onto_a_file_compiled_elsewhere(uncompiled, compiler, saelite, tmp_path):
    uncompiled.write(tmp_path / "pump.tflite")
    subprocess.run([compiler, "--show_operations", "--out_dir", tmp_path, tmp_path / "pump.tflite"], check=True)
    done = saelite("attach", "pump.tflite", "pump_edgetpu.tflite", "--log", "pump_edgetpu.log", "-o", "tpu.tflite")
    assert done.returncode == 0, done.stderr
    assert "Mapped to Edge TPU" in done.stdout
    assert saelite("inspect", "tpu.tflite").returncode == 0
