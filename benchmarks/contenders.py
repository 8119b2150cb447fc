"""The things whose latency is compared: each a function that makes one call on one window.

A contender is built in a process of its own by `benchmarks.worker`; its imports are its own too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Call = Callable[[], object]


@dataclass(frozen=True)
class Contender:
    """One row of the table.

    Parameters
    ----------
    key : str
        Name for the worker.
    title : str
        Name for people.
    build : callable
        From model file and run folder to the call.
    needs_run : bool
        Whether it needs the run folder, and tensorflow.
    note : str
        What one call covers.
    """

    key: str
    title: str
    build: Callable[[str, str], Call]
    needs_run: bool = False
    note: str = ""


def _detector(model: str, _: str) -> Call:
    from edge_runtime import Detector

    detector = Detector.load(model)
    spec = detector.manifest.spec.preprocessing
    window = np.tile(np.asarray(spec.center, np.float32), (spec.window, 1))
    return lambda: detector.score(window)


def _keras(run: str) -> tuple[Any, Any]:
    import keras

    import training  # noqa: F401 - registers the model's class
    from edge_runtime.run_folder import KERAS_FILE

    model = keras.saving.load_model(f"{run}/{KERAS_FILE}", compile=False)
    return model, np.zeros((1, *model.encoder.input_shape[1:]), np.float32)


def _predict(_: str, run: str) -> Call:
    model, window = _keras(run)
    return lambda: model.predict(window, verbose=0)


def _call(_: str, run: str) -> Call:
    model, window = _keras(run)
    return lambda: model(window, training=False).numpy()


def _function(_: str, run: str) -> Call:
    model, window = _keras(run)
    import tensorflow as tf

    function = tf.function(lambda x: model(x, training=False))
    tensor = tf.constant(window)
    return lambda: function(tensor).numpy()


_RECONSTRUCTION = "scaled window to reconstruction, without scaling and score"
CONTENDERS = {
    contender.key: contender
    for contender in (
        Contender("detector", "device detector", _detector, note="raw window to score"),
        Contender("predict", "Keras predict", _predict, needs_run=True, note=_RECONSTRUCTION),
        Contender("call", "Keras model(x)", _call, needs_run=True, note=_RECONSTRUCTION),
        Contender("function", "Keras tf.function", _function, needs_run=True, note=_RECONSTRUCTION),
    )
}
