"""Looking into files, ours and others'."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from tflite_graphs import GraphBuilder

from export.export_run import ExportSettings, export_run
from export.inspection import inspect_flatbuffer
from saelite.export_summary import parity_table


def test_multiplications_and_scales_are_those_of_the_layers(exported):
    found = inspect_flatbuffer(exported.flatbuffer)
    dense = [op for op in found.ops if op.op == "FULLY_CONNECTED"]
    # Two layers, whitening, blame, expected values.
    assert [op.macs for op in dense] == [12 * 16, 16 * 12, 24 * 24, 12 * 12, 12 * 4]
    assert found.macs == sum(op.macs for op in dense)
    codes = next(tensor for tensor in found.tensors if tensor.type == "int8" and tensor.scale == 1 / 256)
    assert codes.granularity == "tensor"
    assert found.signatures[0].startswith("serving_default(window) -> codes")


def test_channel_scales_are_told_from_tensor_scales(trained):
    found = inspect_flatbuffer(export_run(trained.folder, ExportSettings(target="litert")).flatbuffer)
    assert "channel" in {tensor.granularity for tensor in found.tensors}


def test_figure_for_one_side_alone_is_left_out(exported):
    manifest = exported.manifest
    both, one = (manifest.parity._replace(roc_auc_full=0.75, roc_auc=value) for value in (0.5, None))
    assert "0.7500" in parity_table(manifest.parity_float32, both, "int8")
    assert "0.7500" not in parity_table(manifest.parity_float32, one, "int8")


def test_scales_without_zero_points_are_shown():
    builder = GraphBuilder()
    values = builder.tensor((1, 4), "int8", scales=(0.5,), name="in")
    builder.op("RELU", [values], builder.tensor((1, 4), "int8", scales=(0.25,), zero_points=(3,), name="out"))
    content = builder.build([values], [1])
    assert [(tensor.name, tensor.scale) for tensor in inspect_flatbuffer(content).tensors] == [
        ("in", 0.5),
        ("out", 0.25),
    ]


@pytest.mark.parametrize("target", ["cpu", "edgetpu", "micro"])
def test_everything_is_shown_of_our_files(trained, saelite, tmp_path, target):
    export_run(trained.folder, ExportSettings(target=target)).write(tmp_path / "pump.tflite")
    shown = saelite("inspect", "pump.tflite").stdout
    for word in (
        "multiplications",
        "FULLY_CONNECTED",
        "rank correlation",
        "run in",
        "SHA-256",
        "threshold",
        "zero point",
    ):
        assert word in shown
    data = json.loads(saelite("inspect", "pump.tflite", "--json").stdout)
    assert data["target"] == target
    assert data["flatbuffer"]["macs"] > 0


def test_files_of_others_are_shown_as_far_as_they_go(saelite, tmp_path):
    model = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Conv2D(2, 3), keras.layers.Flatten()])
    model.export(str(tmp_path / "saved"), verbose=False)
    content = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved")).convert()
    (tmp_path / "foreign.tflite").write_bytes(content)
    shown = saelite("inspect", "foreign.tflite")
    assert "CONV_2D" in shown.stdout, shown.stderr
    assert "not written by saelite" in shown.stdout
    ops = json.loads(saelite("inspect", "foreign.tflite", "--json").stdout)["flatbuffer"]["ops"]
    assert next(op["macs"] for op in ops if op["op"] == "CONV_2D") == 2 * 9 * np.prod((4, 4))
