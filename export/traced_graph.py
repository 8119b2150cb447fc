"""A full model as one frozen TensorFlow graph, whatever its original form.

Functional, Sequential, subclassed or SavedModel: traced for inference, all are the same ops over constants,
and dropout, noise and penalties are gone. `export.dense_layers` reads the layers from it. It is also run
here, as the reference for the exported file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from edge_runtime.arrays import FloatArray
from edge_runtime.common.silence import silent_stderr
from edge_runtime.errors import ModelFileError
from export.saved_model_ops import refuse_ops_with_effects
from training.run_folder import RUN_JSON


class SparseLayer(keras.layers.Dense):  # type: ignore[misc] # Keras has no types
    """`training.SparseLayer` at inference, a dense layer: models that contain it load without `training`."""

    def __init__(self, units: int, *, penalty: str = "kl", activation: Any = "sigmoid", **kwargs: Any) -> None:
        if penalty == "topk":
            raise ValueError("SparseLayer with the penalty topk is exported from its run folder only")
        kept = {name: value for name, value in kwargs.items() if name in ("name", "use_bias", "dtype")}
        super().__init__(units, activation=activation, **kept)


_NUMBER = re.compile(r"_\d+$")
_CUSTOM_OBJECTS = {"saelite>SparseLayer": SparseLayer, "SparseLayer": SparseLayer}


@dataclass(frozen=True)
class TracedGraph:
    """A model's inference graph, its weights turned into constants.

    Parameters
    ----------
    graph : tf.Graph
    entry, exit : str
        Names of the input op and the reconstruction op.
    input_shape : tuple of int
        Without the batch.
    layers : tuple of str
        Names of the Keras layers; empty for a SavedModel, which does not distinguish them from its ops.
    """

    graph: Any
    entry: str
    exit: str
    input_shape: tuple[int, ...]
    layers: tuple[str, ...] = ()

    @cached_property
    def nodes(self) -> dict[str, Any]:
        """The graph's ops by name."""
        return {node.name: node for node in self.graph.as_graph_def().node}

    def layer_name(self, op: str) -> str:
        """Return the layer that an op belongs to.

        Keras 3 opens each layer's name scope twice, so TensorFlow puts a number behind the name.
        """
        *scopes, _ = op.split("/")
        for scope in reversed(scopes):
            if (bare := _NUMBER.sub("", scope)) in self.layers:
                return bare
        return (_NUMBER.sub("", scopes[-1]) if self._is_numbered else scopes[-1]) if scopes else op

    @cached_property
    def _is_numbered(self) -> bool:
        scopes = [node.name.split("/")[-2:-1] for node in self.nodes.values() if node.op == "MatMul"]
        return all(_NUMBER.search(scope) for names in scopes for scope in names)

    def run(self, names: Sequence[str], inputs: FloatArray | None = None) -> list[FloatArray]:
        """Return the outputs of the ops called `names`, for inputs of shape (n, *input_shape) if they need any."""
        feeds = {} if inputs is None else {f"{self.entry}:0": inputs}
        with tf.compat.v1.Session(graph=self.graph) as session:
            results: list[FloatArray] = session.run([f"{name}:0" for name in names], feeds)
        return results


def trace_model(path: Path, input_shape: tuple[int, ...]) -> TracedGraph:
    """Load and trace a model, with Keras's safe mode on, so that no code in it runs.

    Parameters
    ----------
    path : Path
        ``.keras``, legacy ``.h5``, or a SavedModel folder.
    input_shape : tuple of int
        Shape of one representative window, for models that do not define theirs.

    Raises
    ------
    ModelFileError
        If it cannot be loaded, or does not have exactly one float32 input and one output.
    """
    with silent_stderr():
        owner, concrete = _saved_model(path) if path.is_dir() else _keras_model(path, input_shape)
        frozen = convert_variables_to_constants_v2(concrete, lower_control_flow=False)
    if len(frozen.inputs) != 1 or not frozen.outputs:
        raise ModelFileError(
            f"{path}: expected a model with one input and one output. "
            f"Received: {len(frozen.inputs)} input(s), {len(frozen.outputs)} output(s)."
        )
    (entry,), output = frozen.inputs, frozen.outputs[0]
    if entry.dtype != tf.float32:
        raise ModelFileError(f"{path}: expected a float32 input. Received: {entry.dtype.name}.")
    shape = tuple(size or expected for size, expected in zip(entry.shape[1:], input_shape, strict=False))
    layers = tuple(layer.name for layer in owner._flatten_layers()) if isinstance(owner, keras.Model) else ()  # noqa: SLF001 - the one way into nested models
    return TracedGraph(frozen.graph, entry.op.name, output.op.name, shape, layers)


def _keras_model(path: Path, input_shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Return the model, which owns the variables, and its inference function."""
    try:
        model = keras.saving.load_model(path, custom_objects=_CUSTOM_OBJECTS, compile=False, safe_mode=True)
        entry = tf.TensorSpec([None, *input_shape], tf.float32, name="inputs")
        return model, tf.function(lambda inputs: model(inputs, training=False)).get_concrete_function(entry)
    except Exception as error:  # Keras raises arbitrary errors on foreign files
        raise ModelFileError(f"Keras cannot load {path}: {_first_line(error)}. {_advice(path)}") from error


def _saved_model(path: Path) -> tuple[Any, Any]:
    if not (path / "saved_model.pb").is_file():
        raise ModelFileError(
            f"{path} is neither a run folder nor a SavedModel: expected {RUN_JSON} or saved_model.pb in it."
        )
    refuse_ops_with_effects(path)
    try:
        loaded = tf.saved_model.load(str(path))
        return loaded, loaded.signatures["serving_default"]
    except Exception as error:  # damaged files raise arbitrary errors
        raise ModelFileError(f"TensorFlow cannot load the SavedModel {path}: {_first_line(error)}.") from error


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip() or 'no reason given').splitlines()[0]:.300}"


def _advice(path: Path) -> str:
    if (path.parent / RUN_JSON).is_file():
        return f"It belongs to the run folder {path.parent}: export that."
    return (
        "Supported are .keras, legacy .h5 and SavedModel files of dense layers; lambdas and custom classes are "
        "code, and not loaded. Rebuild the model from Keras's own layers, or save it with model.export(folder)."
    )
