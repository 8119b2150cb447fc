"""Whether an adapted file scores as its head, attribution and scaling do in full precision, computed in numpy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import ParityError
from edge_runtime.fitting.attribution import modes_of
from edge_runtime.inference.detector import Detector
from edge_runtime.inference.runtimes import Options, Runtime
from edge_runtime.model_file.container import ModelFile
from edge_runtime.model_file.manifest import Parity
from edge_runtime.refitting.network_outputs import NetworkRunner
from edge_runtime.refitting.refit import Refitted
from edge_runtime.verification.parity import Side, compare, shortfalls

# Of the largest score or level among the windows: the graph sums in float32.
_CLOSE = 1e-3
_FEW = 0.01


class Agreement(NamedTuple):
    """The file's own outputs, and how close they are.

    Parameters
    ----------
    parity : Parity
    codes : ndarray of shape (n, units), float32
    scores : ndarray of shape (n,), float32
    """

    parity: Parity
    codes: FloatArray
    scores: FloatArray


def compare_with_head(
    model: ModelFile, found: Refitted, windows: FloatArray, runtime: Runtime, options: Options
) -> Agreement:
    """Compare an adapted file with what was fitted.

    Raises
    ------
    ParityError
        If alarms, contributions or expected values differ.
    """
    detector = Detector(model, runtime, options)
    outputs = detector.outputs_many(windows, tuple(sorted(detector.outputs)))
    seen = NetworkRunner(model, runtime, options).run(windows)
    scores, codes = outputs["score"], outputs.get("codes", seen.codes)
    head = found.head.score_rows(seen.rows.astype(np.float64))
    parity = compare(Side(seen.codes, head.astype(np.float32)), Side(codes, scores))
    problems = [*shortfalls(parity, model.manifest.parity_limits), *_unlike(found, outputs, seen.inputs)]
    if problems:
        raise ParityError(
            f"the adapted file does not score as its head does in full precision: {'; '.join(problems)}. "
            "Nothing is written. Please report this."
        )
    return Agreement(parity, codes, scores)


def _unlike(found: Refitted, outputs: dict[str, FloatArray], inputs: FloatArray) -> list[str]:
    """Return which of contributions and expected values are not what the attribution gives."""
    mode, scores = modes_of(found.head, inputs), outputs["score"]
    wanted = {}
    if "contributions" in outputs:
        sensors = outputs["contributions"].shape[1]
        wanted["contributions"] = found.attribution.contributions(inputs, scores, sensors, mode)
    if "expected" in outputs:
        wanted["expected"] = found.attribution.expected(inputs, mode)
    # Of a window that lies on a centre, contributions are rounding.
    least = {"contributions": _CLOSE, "expected": 0.0}
    return [f"{name} differ" for name, values in wanted.items() if _differ(values, outputs[name], least[name])]


def _differ(wanted: FloatArray, values: FloatArray, least: float) -> bool:
    """Return whether more than a few windows differ; at the border between two modes either may be nearer."""
    reach = np.maximum(np.abs(wanted).max(axis=1), np.abs(values).max(axis=1))
    apart = np.abs(wanted - values).max(axis=1) > _CLOSE * np.maximum(reach, least)
    return bool(apart.mean() > _FEW)
