"""The things that are compared: each a function that makes one call on some windows.

`benchmarks.worker` builds each contender in its own process, with its own imports.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from edge_runtime.errors import missing_extra

Call = Callable[[], object]
PEAK_UNITS = 1024


@dataclass(frozen=True)
class Contender:
    """One row of the table.

    Parameters
    ----------
    key : str
        The same in every run, so that two runs can be compared.
    title : str
        Display name.
    kind : str
        A key of `BUILDERS`.
    path : str
        The model file, graph or run folder it works on.
    runtime : str
        Interpreter, if there is a choice.
    covers : str
        What one call does.
    macs : int
        Multiplications of weights for one window; 0 where unknown.
    numbers : str
        What most of them are done in: ``int8`` or ``float32``.
    n_bytes : int
        Size of its file; 0 where it has none.
    batch : int
        Windows per call.
    threads : int
    accelerator : str
        As `Detector.load` takes it; empty for the CPU.
    """

    key: str
    title: str
    kind: str
    path: str = ""
    runtime: str = "auto"
    covers: str = ""
    macs: int = 0
    numbers: str = "float32"
    n_bytes: int = 0
    batch: int = 1
    threads: int = 1
    accelerator: str = ""


def _detector(contender: Contender) -> Call:
    from edge_runtime import Detector

    detector = Detector.load(contender.path, runtime=contender.runtime, num_threads=contender.threads,
                             accelerator=contender.accelerator or None)  # fmt: skip
    preprocessing = detector.manifest.spec.preprocessing
    window = np.tile(np.asarray(preprocessing.center, np.float32), (preprocessing.window, 1))
    if contender.batch == 1:
        return partial(detector.score, window)
    windows = np.tile(window, (contender.batch, 1, 1))
    return partial(detector.score_many, windows)


def _graph(contender: Contender) -> Call:
    """Return set, invoke, get of a bare flatbuffer with one input and one output."""
    from pathlib import Path

    from edge_runtime.inference.runtimes import Options, find_runtime

    options = Options(num_threads=contender.threads)
    interpreter = find_runtime(contender.runtime).open(Path(contender.path).read_bytes(), options)
    entry, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]["index"]
    values, index = np.zeros(entry["shape"], entry["dtype"]), entry["index"]

    def call() -> object:
        interpreter.set_tensor(index, values)
        interpreter.invoke()
        return interpreter.get_tensor(result)

    return call


def _onnx(contender: Contender) -> Call:
    try:
        import onnxruntime
    except ImportError as error:
        raise missing_extra("onnxruntime", "peers", "this row") from error
    if not contender.path:
        raise missing_extra("onnx", "peers", "this row")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = contender.threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(contender.path, options, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    feeds = {entry.name: np.zeros((1, entry.shape[1]), np.float32)}
    names = [session.get_outputs()[0].name]
    return partial(session.run, names, feeds)


def _keras(contender: Contender) -> tuple[Any, Any]:
    import keras

    import training  # noqa: F401 - registers the model's class
    from training.run_folder import KERAS_FILE

    model = keras.saving.load_model(f"{contender.path}/{KERAS_FILE}", compile=False)
    return model, np.zeros((contender.batch, *model.encoder.input_shape[1:]), np.float32)


def _predict(contender: Contender) -> Call:
    model, windows = _keras(contender)
    return lambda: model.predict(windows, verbose=0, batch_size=max(contender.batch, 32))


def _call(contender: Contender) -> Call:
    model, windows = _keras(contender)
    return lambda: model(windows, training=False).numpy()


def _function(contender: Contender, *, compiled: bool = False) -> Call:
    model, windows = _keras(contender)
    import tensorflow as tf

    function = tf.function(lambda x: model(x, training=False), jit_compile=compiled)
    tensor = tf.constant(windows)
    return lambda: function(tensor).numpy()


def _xla(contender: Contender) -> Call:
    return _function(contender, compiled=True)


def _yardstick(_: Contender) -> Call:
    """Work that is the same on every machine and in every version: what ratios over time are taken against."""
    rng = np.random.default_rng(0)
    window, wide, narrow = (rng.normal(size=shape).astype(np.float32) for shape in ((1, 784), (784, 64), (64, 32)))
    return lambda: np.tanh(np.maximum(window @ wide, 0.0) @ narrow)


def _matrices(_: Contender) -> Call:
    """Return numpy's product of large matrices: what one core can do in float32."""
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(PEAK_UNITS, PEAK_UNITS)).astype(np.float32) for _ in range(2))
    return lambda: a @ b


BUILDERS: dict[str, Callable[[Contender], Call]] = {
    "detector": _detector,
    "graph": _graph,
    "onnx": _onnx,
    "predict": _predict,
    "call": _call,
    "function": _function,
    "xla": _xla,
    "yardstick": _yardstick,
    "matrices": _matrices,
}
