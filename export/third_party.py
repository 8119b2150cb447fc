"""A manifest for any .tflite autoencoder: its inputs, its outputs, and how they are scored.

The graph is kept byte for byte; the host scales its inputs and computes the score from its outputs. What the user does
not specify is read from the graph or fitted on its outputs for normal data: the threshold on scores of blocks that the
head was not fitted on, as in `export.fitting.choice`. The score is normalised: the threshold is 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import ModelFileError, UsageError
from edge_runtime.inference.heads import PARTS, Head
from edge_runtime.inference.host_scoring import HostScoring
from edge_runtime.model_file.container import ModelFile
from edge_runtime.model_file.manifest import (
    SCHEMA,
    DetectorSpec,
    Manifest,
    NotRun,
    Provenance,
    RuntimeCheck,
    Scoring,
    Sensor,
    Threshold,
)
from edge_runtime.signal.preprocessing import UNLIMITED, Preprocessing
from edge_runtime.streaming.adaptation.drift import fit_drift_limit
from edge_runtime.verification.reference_run import reference_arrays
from export import flatbuffer
from export.fitting.budget import FalseAlarmBudget
from export.fitting.choice import can_leave_out, score_left_out
from export.fitting.file_outputs import FileOutputs, Parts
from export.fitting.fit_attribution import fit_attribution, modes_of
from export.fitting.fit_heads import fit_head
from export.fitting.limit import fit_limit
from export.normal_data import NormalData, read_normal_data
from export.promise import threshold_of
from export.runtime_check import InstalledRuntime, run_graph, runtimes_for
from export.targets import NETWORK, TARGETS
from export.third_party_graph import GraphEnds, read_ends

HEADS = ("spe", "residual", "joint", "t2", "t2x", "inputs")
_NOTHING: FloatArray = np.empty(0, np.float32)


@dataclass(frozen=True)
class ByHand:
    """What the user specifies about the graph.

    Parameters
    ----------
    sensors : tuple of str
        By default the columns of the normal data, or ``x0``, ``x1`` …
    window : int, optional
        Readings that the graph takes at once; by default from its input shape, or one.
    scaling : str
        ``none``: the graph takes raw values; ``standard``: mean and standard deviation of the normal data.
    center, scale : tuple of float
        One per sensor: the graph takes ``(value - center) / scale``.
    reconstruction, codes : str
        Names of the graph's outputs; a single output needs none.
    head : str, optional
        One of `HEADS`; by default ``spe``, or ``t2`` for a graph that outputs only codes.
    head_file : Path, optional
        .npz with the head's ``mean`` and ``whitening``, as in a run folder.
    threshold : float, optional
        Threshold of the head's score, above 0.
    """

    sensors: tuple[str, ...] = ()
    window: int | None = None
    scaling: str = "none"
    center: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    reconstruction: str = ""
    codes: str = ""
    head: str | None = None
    head_file: Path | None = None
    threshold: float | None = None


def describe_graph(content: bytes, name: str, by_hand: ByHand, normal: Path | None = None) -> ModelFile:
    """Return the model file of a third-party graph.

    Parameters
    ----------
    content : bytes
        The flatbuffer.
    name : str
        Of the model.
    by_hand : ByHand
    normal : Path, optional
        Recording or array of normal data.

    Raises
    ------
    ModelFileError
        If the graph cannot be described in this way, or no installed runtime runs it.
    RecordingError
        If the normal data do not fit the graph.
    UsageError
        If a missing setting can be neither read nor fitted.
    """
    if by_hand.threshold is not None and not 0 < by_hand.threshold < np.inf:
        raise UsageError(f"--threshold: expected a number above 0. Received: {by_hand.threshold}")
    if by_hand.threshold is None and normal is None:
        raise UsageError(
            "which scores are anomalous? Expected normal data to fit a threshold on, or --threshold VALUE."
        )
    ends = read_ends(content, by_hand.reconstruction, by_hand.codes)
    kind = by_hand.head or ("spe" if ends.has("reconstruction") else "t2")
    _check_head(kind, ends)
    data = None if normal is None else read_normal_data(normal)
    names, window = _sensors(ends, by_hand, data)
    windows = None if data is None else _columns(data, names, by_hand).windows(ends.inputs, window)
    preprocessing = _preprocessing(by_hand, names, window, windows)
    host = HostScoring(preprocessing, Head(kind, _NOTHING, _NOTHING), ends.quantization, ends.outputs)
    if windows is None:
        # Without data to fit on, one window shows that the runtimes run the graph.
        windows = np.tile(np.asarray(preprocessing.center, np.float32), (1, window, 1))
    runs, refusals = _run_everywhere(content, ends, host.inputs(windows))
    parts = [host.parts(windows, run.outputs) for run in runs]
    normal_parts = {name: part[: 0 if data is None else None] for name, part in parts[0].items()}
    head = _head(kind, by_hand, normal_parts)
    threshold, limit = _threshold(by_hand, head, normal_parts, guard=window - 1)
    head = head.scaled(1.0 / limit)
    scores = [head.score(part) for part in parts]
    codes = parts[0].get("codes")
    manifest = Manifest(
        schema=SCHEMA,
        name=name,
        target="cpu",
        spec=DetectorSpec(tuple(map(Sensor, names)), preprocessing, Scoring(kind)),
        threshold=threshold,
        quantization=ends.quantization,
        mean_activation=() if codes is None else tuple(codes.mean(axis=0, dtype=np.float64).tolist()),
        flatbuffer_sha256="",
        ops=flatbuffer.ops(content),
        runtimes=tuple(_check(run, one, scores[0]) for run, one in zip(runs, scores, strict=True)),
        provenance=Provenance({}, "" if data is None else data.sha256),
        graph=NETWORK,
        outputs=ends.outputs,
        drift=None if codes is None else fit_drift_limit(codes),
        not_run=refusals,
    )
    arrays = head.arrays()
    if data is not None:
        inputs = parts[0]["inputs"]
        arrays |= fit_attribution(inputs, preprocessing, modes_of(head, inputs)).arrays()
    if codes is not None and data is not None:
        arrays |= reference_arrays(windows, np.zeros(len(windows), bool), codes, scores[0])
    model = ModelFile(content, manifest, arrays)
    return replace(model, manifest=replace(manifest, flatbuffer_sha256=model.sha256))


@dataclass(frozen=True)
class _Run:
    """One runtime's outputs for all windows."""

    runtime: InstalledRuntime
    machine: str
    outputs: dict[str, Any]


def _sensors(ends: GraphEnds, by_hand: ByHand, data: NormalData | None) -> tuple[tuple[str, ...], int]:
    """Return the sensors' names and the number of readings per window."""
    known = by_hand.sensors or (() if data is None else data.sensors)
    from_shape = ends.shape[0] if len(ends.shape) > 1 else max(1, ends.inputs // len(known)) if known else 1
    window = by_hand.window or from_shape
    count = ends.inputs // window
    if count * window != ends.inputs or (by_hand.sensors and len(by_hand.sensors) != count):
        raise UsageError(
            f"the graph takes {ends.inputs} values: expected --window times the number of --sensors. "
            f"Received: a window of {window}, {len(by_hand.sensors) or 'no'} sensors by name."
        )
    return (known if len(known) == count else tuple(f"x{number}" for number in range(count))), window


def _columns(data: NormalData, names: tuple[str, ...], by_hand: ByHand) -> NormalData:
    """Return the data of the named sensors."""
    if not by_hand.sensors or not data.sensors:
        return data
    missing = [name for name in names if name not in data.sensors]
    if missing:
        raise UsageError(
            f"--sensors: the normal data have no {', '.join(missing)}. Columns there: {', '.join(data.sensors)}."
        )
    return replace(data, values=data.values[:, [data.sensors.index(name) for name in names]], sensors=names)


def _preprocessing(by_hand: ByHand, names: tuple[str, ...], window: int, windows: FloatArray | None) -> Preprocessing:
    sensors = len(names)
    center, scale = by_hand.center or (0.0,) * sensors, by_hand.scale or (1.0,) * sensors
    scaling = "by hand" if by_hand.center or by_hand.scale else by_hand.scaling
    if scaling == "standard":
        if windows is None:
            raise UsageError("--scaling standard is fitted: expected normal data, or --center and --scale.")
        rows = windows.reshape(-1, sensors).astype(np.float64)
        center, scale = tuple(rows.mean(axis=0).tolist()), tuple(rows.std(axis=0).tolist())
    if len(center) != sensors or len(scale) != sensors or not all(value > 0 for value in scale):
        raise UsageError(
            f"expected {sensors} centres and {sensors} scales above 0, one per sensor ({', '.join(names)}). "
            f"Received: centres {center}, scales {scale}."
        )
    return Preprocessing(scaling, center, scale, window, limit=UNLIMITED)


def _run_everywhere(content: bytes, ends: GraphEnds, inputs: Any) -> tuple[list[_Run], tuple[NotRun, ...]]:
    """Return the runtimes' outputs, and which runtimes refused the graph and why.

    Raises
    ------
    ModelFileError
        If all of them refused it.
    """
    runs, refusals = [], []
    for installed in runtimes_for(TARGETS["cpu"]):
        try:
            outputs, machine = run_graph(installed, content, inputs.reshape(len(inputs), *ends.shape))
        except ModelFileError as error:
            refusals.append(NotRun(installed.name, str(error)))
        else:
            runs.append(_Run(installed, machine, outputs))
    if not runs:
        raise ModelFileError(" ".join(refusal.reason for refusal in refusals))
    return runs, tuple(refusals)


def _check(run: _Run, scores: FloatArray, first: FloatArray) -> RuntimeCheck:
    return RuntimeCheck(run.runtime.name, run.runtime.version, run.machine, float(np.abs(scores - first).max()))


def _check_head(kind: str, ends: GraphEnds) -> None:
    needed = {"residual": "reconstruction", "codes": "codes"}
    missing = [needed[part] for part in PARTS[kind] if part in needed and not ends.has(needed[part])]
    if missing:
        raise UsageError(f"--head {kind} needs the {' and the '.join(missing)} of the graph. Name that output.")


def _head(kind: str, by_hand: ByHand, parts: dict[str, FloatArray]) -> Head:
    width = sum(parts[part].shape[1] for part in PARTS[kind])
    if by_hand.head_file is not None:
        return _head_from(by_hand.head_file, kind, width)
    if kind == "spe":
        return Head(kind, np.zeros(width, np.float32), np.full(width, width**-0.5, np.float32))
    if not all(len(part) for part in parts.values()):
        raise UsageError(f"--head {kind} is fitted: expected normal data, or --head-file with mean and whitening.")
    return fit_head(kind, parts)


def _head_from(path: Path, kind: str, width: int) -> Head:
    try:
        with np.load(path, allow_pickle=False) as archive:
            head = Head(kind, *(np.asarray(archive[name], np.float32) for name in ("mean", "whitening")))
    except (OSError, KeyError, ValueError, EOFError) as error:
        raise UsageError(f"--head-file {path}: expected an .npz with mean and whitening ({error}).") from error
    if head.mean.shape != (width,) or head.whitening.shape not in ((width,), (width, width)):
        raise UsageError(
            f"--head-file {path}: expected a mean of {width} values and a whitening of {width} or {width} x {width}. "
            f"Received: {head.mean.shape} and {head.whitening.shape}."
        )
    return head


def _threshold(by_hand: ByHand, head: Head, parts: Parts, guard: int) -> tuple[Threshold, float]:
    """Return the threshold of normalised scores, and the score that becomes 1."""
    if by_hand.threshold is not None:
        return Threshold(1.0, f"set by hand: {by_hand.threshold:g} before scores were normalised", 0.0, 0), (
            by_hand.threshold
        )
    if by_hand.head_file is None and can_leave_out(len(parts["inputs"])):
        outputs = FileOutputs(parts, (), np.ones(len(parts["inputs"]), bool))
        scores, _ = score_left_out(outputs, (), head.kind, allow_drift=False, guard=guard)
    else:
        scores = head.score(parts).astype(np.float64)
    budget = FalseAlarmBudget()
    limit = fit_limit(scores, budget.per_window(0.0))
    return threshold_of(limit, budget, 0.0), limit.value
