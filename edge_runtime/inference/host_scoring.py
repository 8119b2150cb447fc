"""Scaling and scoring on the host, around a graph that holds the network alone (`Manifest.graph` ``network``)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import ModelFileError
from edge_runtime.inference.attribution import Attribution
from edge_runtime.inference.heads import ScoringHead, hidden_outputs
from edge_runtime.inference.packed_head import read_head
from edge_runtime.model_file.container import ModelFile
from edge_runtime.model_file.manifest import Quantization, QuantizedTensor
from edge_runtime.signal.preprocessing import Preprocessing

Array = npt.NDArray[Any]


class HostScoring:
    """The host's work before and after the network.

    ``inputs`` are scaled as in training; the graph gets them as float32 or int8; its outputs come back as
    numbers; ``residual = inputs - reconstruction`` is taken from the inputs before they were quantised.

    Parameters
    ----------
    head : ScoringHead or None
        None for a network without a fitted head.
    quantization : Quantization
        Scale 0 where the graph takes float32.
    outputs : tuple of QuantizedTensor
    attribution : Attribution, optional
        Without it there are no contributions.
    """

    def __init__(
        self,
        preprocessing: Preprocessing,
        head: ScoringHead | None,
        quantization: Quantization,
        outputs: tuple[QuantizedTensor, ...],
        attribution: Attribution | None = None,
    ) -> None:
        self._preprocessing, self._head, self._quantization = preprocessing, head, quantization
        self._outputs = {output.name: output for output in outputs}
        self.attribution = attribution

    @classmethod
    def of(cls, model: ModelFile) -> HostScoring:
        """Return the host's part of a model file."""
        manifest = model.manifest
        head = read_head(manifest.spec.scoring.head, model.arrays)
        attribution = Attribution.from_arrays(model.arrays)
        return cls(manifest.spec.preprocessing, head, manifest.quantization, manifest.outputs, attribution)

    def inputs(self, windows: FloatArray) -> Array:
        """Return the graph's inputs, shape (n, inputs), int8 or float32, for raw windows (n, window, sensors)."""
        scaled = self._preprocessing.transform(windows)
        scale, zero_point = self._quantization.input_scale, self._quantization.input_zero_point
        return quantize(scaled, scale, zero_point) if scale else scaled

    def codes(self, outputs: Mapping[str, Array]) -> FloatArray:
        """Return the codes, shape (n, units), from the graph's outputs by name."""
        return self._value("codes", outputs)

    def score(self, windows: FloatArray, outputs: Mapping[str, Array]) -> FloatArray:
        """Return one raw score per window, shape (n,)."""
        return self._fitted_head.score(self.parts(windows, outputs))

    def contributions(self, windows: FloatArray, outputs: Mapping[str, Array]) -> FloatArray:
        """Return each sensor's share of the raw scores, shape (n, sensors)."""
        parts = self.parts(windows, outputs)
        scores, mode = self._fitted_head.score(parts), self._mode(parts)
        return self._fitted_attribution.contributions(parts["inputs"], scores, self._preprocessing.sensors, mode)

    def expected(self, windows: FloatArray, outputs: Mapping[str, Array]) -> FloatArray:
        """Return each sensor's expected mean over the window, shape (n, sensors), in sensor units."""
        parts = self.parts(windows, outputs)
        return self._fitted_attribution.expected(parts["inputs"], self._mode(parts))

    def _mode(self, parts: Mapping[str, FloatArray]) -> npt.NDArray[np.intp]:
        if len(self._fitted_attribution.mean) == 1:
            return np.zeros(len(parts["inputs"]), np.intp)
        return np.asarray(self._fitted_head.distances(parts).argmin(axis=1))

    @property
    def _fitted_head(self) -> ScoringHead:
        if self._head is None:
            raise ModelFileError("the network has no scoring head yet. Export it to a model file.")
        return self._head

    @property
    def _fitted_attribution(self) -> Attribution:
        if self.attribution is None:
            raise ModelFileError("the file has no contributions of sensors. Attach it again with normal data.")
        return self.attribution

    def parts(self, windows: FloatArray, outputs: Mapping[str, Array]) -> dict[str, FloatArray]:
        """Return the parts that heads use, each of shape (n, width); see `edge_runtime.inference.heads.PARTS`."""
        parts = {"inputs": self._preprocessing.transform(windows)}
        if "codes" in self._outputs:
            parts["codes"] = self.codes(outputs)
        if hidden := [self._value(name, outputs) for name in hidden_outputs(self._outputs)]:
            parts["hidden"] = np.concatenate(hidden, axis=1)
        elif self._head is None or "hidden" in self._head.parts:
            parts["hidden"] = parts["inputs"][:, :0]
        if "reconstruction" in self._outputs:
            parts["residual"] = parts["inputs"] - self._value("reconstruction", outputs)
        return parts

    def _value(self, name: str, outputs: Mapping[str, Array]) -> FloatArray:
        tensor = self._outputs[name]
        values = dequantize(outputs[tensor.tensor or name], tensor.scale, tensor.zero_point)
        return values.reshape(len(values), math.prod(values.shape[1:]))


def quantize(values: FloatArray, scale: float, zero_point: int) -> npt.NDArray[np.int8]:
    """Return values as int8: rounded half to even, shifted by the zero point, then clipped to int8.

    >>> quantize(np.float32([-9, 0.0, 0.6, 99]), scale=0.5, zero_point=10)
    array([ -8,  10,  11, 127], dtype=int8)
    """
    return np.clip(steps_of(values, scale, zero_point), -128, 127).astype(np.int8)


def steps_of(values: FloatArray, scale: float, zero_point: int) -> FloatArray:
    """Return values in steps of a quantised type, whatever that holds."""
    steps: FloatArray = np.rint(values / np.float32(scale)) + zero_point
    return steps


def beyond(values: FloatArray, quantization: Quantization) -> npt.NDArray[np.bool_]:
    """Return which values the network's quantised input clips; none if it takes float32."""
    if not quantization.input_scale:
        return np.zeros(values.shape, bool)
    reach = 2 ** (15 if quantization.scheme == "int16x8" else 7)
    steps = steps_of(values, quantization.input_scale, quantization.input_zero_point)
    return np.asarray((steps < -reach) | (steps > reach - 1))


def dequantize(values: Array, scale: float, zero_point: int) -> FloatArray:
    """Return int8 values as floats; scale 0 means that they are float32 already."""
    if not scale:
        return np.asarray(values, np.float32)
    # Widened first: int8 minus a zero point does not fit int8.
    return (values.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)
