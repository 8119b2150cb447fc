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
from edge_runtime.fitting.attribution import modes_of
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
)
from edge_runtime.signal.preprocessing import UNLIMITED, Preprocessing
from edge_runtime.streaming.adaptation.drift import fit_drift_limit
from edge_runtime.verification.reference_run import reference_arrays
from export import flatbuffer
from export.by_hand import ByHand
from export.fitting.fit_attribution import fit_attribution
from export.flatbuffer import ParsedFlatbuffer
from export.installed import InstalledRuntime, runtimes_for
from export.normal_data import NormalData, read_normal_data
from export.runtime_check import run_graph
from export.targets import NETWORK, TARGETS
from export.third_party_graph import GraphEnds, read_ends
from export.third_party_head import FittedHead, check_head, fitted_head


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
    _check_threshold(by_hand, normal)
    parsed = flatbuffer.parse(content)
    ends = read_ends(parsed, by_hand.reconstruction, by_hand.codes)
    kind = by_hand.head or ("spe" if ends.has("reconstruction") else "t2")
    check_head(kind, ends)
    data = None if normal is None else read_normal_data(normal)
    names, window = _sensors(ends, by_hand, data)
    windows = None if data is None else _columns(data, names, by_hand).windows(ends.inputs, window)
    preprocessing = _preprocessing(by_hand, names, window, windows)
    seen = _seen(content, ends, preprocessing, windows)
    fitted = fitted_head(kind, by_hand, seen.parts, seen.normal, window)
    spec = DetectorSpec(tuple(map(Sensor, names)), preprocessing, Scoring(kind))
    manifest = _manifest(parsed, ends, name, spec, seen, fitted, "" if data is None else data.sha256)
    return ModelFile(content, manifest, _arrays(preprocessing, seen, fitted))


@dataclass(frozen=True)
class _Run:
    """One runtime's outputs for all windows."""

    runtime: InstalledRuntime
    machine: str
    outputs: dict[str, Any]


@dataclass(frozen=True)
class _Seen:
    """What the graph gave: in each runtime for the same windows.

    Parameters
    ----------
    windows : ndarray of shape (n, window, sensors), float32
    is_normal : bool
        Whether they are normal data; else one window that shows that the runtimes run the graph.
    runs : list of _Run
    parts : list of Parts
        What heads are made of, by run.
    refusals : tuple of NotRun
    """

    windows: FloatArray
    is_normal: bool
    runs: list[_Run]
    parts: list[dict[str, FloatArray]]
    refusals: tuple[NotRun, ...]

    @property
    def normal(self) -> dict[str, FloatArray]:
        """What the first runtime gave for normal windows, of length 0 where there are none."""
        return {name: part[: None if self.is_normal else 0] for name, part in self.parts[0].items()}


def _check_threshold(by_hand: ByHand, normal: Path | None) -> None:
    if by_hand.threshold is not None and not 0 < by_hand.threshold < np.inf:
        raise UsageError(f"--threshold: expected a number above 0. Received: {by_hand.threshold}")
    if by_hand.threshold is None and normal is None:
        raise UsageError(
            "which scores are anomalous? Expected normal data to fit a threshold on, or --threshold VALUE."
        )


def _seen(content: bytes, ends: GraphEnds, preprocessing: Preprocessing, windows: FloatArray | None) -> _Seen:
    is_normal = windows is not None
    if windows is None:
        windows = np.tile(np.asarray(preprocessing.center, np.float32), (1, preprocessing.window, 1))
    host = HostScoring(preprocessing, None, ends.quantization, ends.outputs)
    runs, refusals = _run_everywhere(content, ends, host.inputs(windows))
    return _Seen(windows, is_normal, runs, [host.parts(windows, run.outputs) for run in runs], refusals)


def _manifest(  # noqa: PLR0913 - all that is known at the end
    parsed: ParsedFlatbuffer,
    ends: GraphEnds,
    name: str,
    spec: DetectorSpec,
    seen: _Seen,
    fitted: FittedHead,
    data_sha256: str,
) -> Manifest:
    codes = seen.parts[0].get("codes")
    checks = zip(seen.runs, fitted.scores, strict=True)
    return Manifest(
        schema=SCHEMA,
        name=name,
        target="cpu",
        spec=spec,
        threshold=fitted.threshold,
        quantization=ends.quantization,
        mean_activation=() if codes is None else tuple(codes.mean(axis=0, dtype=np.float64).tolist()),
        flatbuffer_sha256=parsed.sha256,
        ops=parsed.ops,
        runtimes=tuple(_check(run, scores, fitted.scores[0]) for run, scores in checks),
        provenance=Provenance({}, data_sha256),
        graph=NETWORK,
        outputs=ends.outputs,
        drift=None if codes is None else fit_drift_limit(codes),
        not_run=seen.refusals,
    )


def _arrays(preprocessing: Preprocessing, seen: _Seen, fitted: FittedHead) -> dict[str, FloatArray]:
    """Return the head, and of normal data the attribution and the windows that `saelite verify` repeats."""
    arrays = fitted.head.arrays()
    if not seen.is_normal:
        return arrays
    inputs, codes = seen.normal["inputs"], seen.normal.get("codes")
    arrays |= fit_attribution(inputs, preprocessing, modes_of(fitted.head, inputs)).arrays()
    if codes is not None:
        arrays |= reference_arrays(seen.windows, np.zeros(len(seen.windows), bool), codes, fitted.scores[0])
    return arrays


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
