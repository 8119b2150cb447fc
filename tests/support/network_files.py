"""A small network as a model file whose graph holds the network alone: the same every time."""

from dataclasses import replace

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from machines import SENSORS, pump_rows
from tflite_graphs import GraphBuilder

from edge_runtime.inference.heads import Head
from edge_runtime.model_file.container import ModelFile
from edge_runtime.model_file.manifest import (
    SCHEMA,
    DetectorSpec,
    Manifest,
    Quantization,
    QuantizedTensor,
    Scoring,
    Sensor,
    Threshold,
)
from edge_runtime.signal.preprocessing import Preprocessing

WINDOW, UNITS = 2, 6
INPUT_SCALE, INPUT_ZERO = 16 / 255, -1
RNG = np.random.default_rng(3)
ROWS = pump_rows(300, seed=8)
WEIGHTS = RNG.normal(size=(UNITS, WINDOW * 4)).astype(np.float32) * 0.4
BIAS = RNG.normal(size=UNITS).astype(np.float32)
PREPROCESSING = Preprocessing("standard", tuple(ROWS.mean(0).tolist()), tuple(ROWS.std(0).tolist()), WINDOW)
HEAD = Head("t2x", np.zeros(WINDOW * 4 + UNITS, np.float32), np.ones(WINDOW * 4 + UNITS, np.float32))


def float_graph():
    builder = GraphBuilder()
    x = builder.tensor((1, WINDOW * 4), name="inputs")
    w, b = builder.constant(WEIGHTS), builder.constant(BIAS)
    before, codes = builder.tensor((1, UNITS)), builder.tensor((1, UNITS), name="codes")
    builder.op("FULLY_CONNECTED", [x, w, b], before, schema.FullyConnectedOptionsT())
    builder.op("LOGISTIC", [before], codes)
    return builder.build([x], [codes]), Quantization("float32"), (QuantizedTensor("codes"),)


def int8_graph():
    w_scale = np.abs(WEIGHTS).max() / 127
    builder = GraphBuilder()
    x = builder.tensor((1, WINDOW * 4), "int8", [INPUT_SCALE], [INPUT_ZERO], name="inputs")
    w = builder.constant(np.rint(WEIGHTS / w_scale).astype(np.int8), [w_scale], [0])
    b_scale = np.float32(INPUT_SCALE) * np.float32(w_scale)
    b = builder.constant(np.rint(BIAS / b_scale).astype(np.int32), [b_scale], [0])
    before = builder.tensor((1, UNITS), "int8", [16 / 255], [0])
    codes = builder.tensor((1, UNITS), "int8", [1 / 256], [-128], name="codes")
    builder.op("FULLY_CONNECTED", [x, w, b], before, schema.FullyConnectedOptionsT(), version=4)
    builder.op("LOGISTIC", [before], codes, version=2)
    quantization = Quantization("int8", "tensor", INPUT_SCALE, INPUT_ZERO)
    return builder.build([x], [codes]), quantization, (QuantizedTensor("codes", 1 / 256, -128),)


def model_file(parts, **changes):
    flatbuffer, quantization, outputs = parts
    spec = DetectorSpec(tuple(map(Sensor, SENSORS)), PREPROCESSING, Scoring(HEAD.kind))
    manifest = Manifest(
        schema=SCHEMA,
        name="network",
        target="edgetpu",
        spec=spec,
        threshold=Threshold(30.0, "given", 0.0, 0),
        quantization=quantization,
        mean_activation=(0.5,) * UNITS,
        flatbuffer_sha256="",
        graph="network",
        outputs=outputs,
    )
    model = ModelFile(flatbuffer, manifest, {"head_mean": HEAD.mean, "head_whitening": HEAD.whitening})
    return replace(model, manifest=replace(manifest, flatbuffer_sha256=model.sha256, **changes))
