"""Run folder in, one verified model file out."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from edge_runtime.arrays import BoolArray, FloatArray
from edge_runtime.errors import ParityError
from edge_runtime.model_file.container import ModelFile
from edge_runtime.model_file.manifest import (
    SCHEMA,
    DetectorSpec,
    Manifest,
    NotRun,
    Parity,
    ParityLimits,
    Provenance,
    Quantization,
    RuntimeCheck,
)
from edge_runtime.streaming.adaptation.drift import fit_drift_limit
from edge_runtime.verification.parity import FLOAT32_CODES_LIMIT, Side, compare, roc_auc, shortfalls
from edge_runtime.verification.reference_run import reference_arrays
from export import flatbuffer
from export.audit import audit
from export.edgetpu import expected_places
from export.fitting.budget import FalseAlarmBudget
from export.fitting.file_outputs import FileOutputs
from export.fitting.fit_scoring import FittedScoring, Fitting
from export.inference_graph import build_detector_graph, build_network_graph
from export.labelled import Labelled
from export.probe import Probe
from export.promise import threshold_of, window_s_of
from export.quantization import quantize
from export.runtime_check import InstalledRuntime, RuntimeOutputs, run_in, runtimes_for
from export.targets import DETECTOR, Target, find_target
from training.run_folder import RunFolder

_PACKAGES = ("tensorflow", "ai-edge-quantizer")
_FLOAT32 = "float32"
# Number of normal and of faulty windows that the finished file is run on in every runtime.
_CHECKED_WINDOWS = 2000
OnStep = Callable[[str], None]


@dataclass(frozen=True)
class ExportSettings:
    """What to write.

    Parameters
    ----------
    scheme : str, optional
        See `export.quantization.SCHEMES`; by default the narrowest that detects as well as float32.
    target : str
        A key of `export.targets.TARGETS`.
    runtime_pythons : tuple of Path
        Pythons of other environments, whose runtimes must run the file too.
    budget : FalseAlarmBudget
        The alarm budget that the threshold is fitted for.
    limits : ParityLimits
        How far a scheme may differ from float32 before a wider one is tried.
    """

    scheme: str | None = None
    target: str = "cpu"
    runtime_pythons: tuple[Path, ...] = ()
    budget: FalseAlarmBudget = field(default_factory=FalseAlarmBudget)
    limits: ParityLimits = field(default_factory=ParityLimits)


@dataclass(frozen=True)
class _Made:
    """A finished file, its outputs for the checked windows, and the result of the comparison."""

    model: ModelFile
    scoring: FittedScoring
    runs: tuple[RuntimeOutputs, ...]
    parities: tuple[Parity, ...]
    parity_float32: Parity | None
    failures: tuple[str, ...]


def export_run(
    run: RunFolder, settings: ExportSettings, on_step: OnStep = lambda _: None, labelled: Labelled | None = None
) -> ModelFile:
    """Quantise, fit on the quantised network's outputs, run, and compare; return the file's contents.

    Schemes are tried from the narrowest to the widest; the first that alarms and ranks synthetic faults as float32
    does is taken. The widest allowed scheme is taken in any case; the manifest then lists how it differs.

    Parameters
    ----------
    labelled : Labelled, optional
        Windows on which ROC-AUC must not fall, in addition to the synthetic faults.

    Raises
    ------
    ModelFileError
        If a layer cannot be exported, the finished graph does not fit the target, or an installed runtime
        refuses it.
    ParityError
        If the float32 graph does not match the full model.
    RuntimeUnavailableError
        If no runtime is installed to check the file in.
    """
    target, schemes = find_target(settings.target, settings.scheme)
    maker = _Maker(run, target, settings, runtimes_for(target, settings.runtime_pythons), on_step, labelled)
    given_up: list[str] = []
    for scheme in schemes:
        made = maker.make(scheme)
        if not made.failures:
            break
        given_up.append(f"{scheme}: {'; '.join(made.failures)}")
    manifest = replace(
        made.model.manifest,
        parity=made.parities[0],
        parity_float32=made.parity_float32,
        parity_limits=settings.limits,
        parity_failures=made.failures,
        given_up=tuple(given_up[:-1] if made.failures else given_up),
        runtimes=tuple(_check(output, made.runs[0]) for output in made.runs),
        not_run=_not_run(target, made.runs),
    )
    first = made.runs[0]
    arrays = {**made.model.arrays, **reference_arrays(maker.windows, maker.is_faulty, first.codes, first.scores)}
    return replace(made.model, manifest=manifest, arrays=arrays)


class _Maker:
    """Makes one file per scheme from the same run, and the float32 detector that they are compared with."""

    def __init__(  # noqa: PLR0913 - what to make, how, and where it is checked
        self,
        run: RunFolder,
        target: Target,
        settings: ExportSettings,
        runtimes: list[InstalledRuntime],
        on_step: OnStep,
        labelled: Labelled | None,
    ) -> None:
        self._run, self._target, self._settings, self._runtimes = run, target, settings, runtimes
        self._on_step, self._labelled = on_step, labelled
        self._window_s = window_s_of(run.spec.preprocessing)
        on_step("building the inference graph")
        self._probe = Probe.of(run, target)
        self.windows, self.is_faulty = _checked_windows(self._probe)
        per_window = settings.budget.per_window(self._window_s)
        self._fitting = Fitting(self._probe.faults, run.spec, per_window, run.is_series)
        on_step("running the float32 network")
        self._float_outputs = self._probe.outputs(_FLOAT32, runtimes[0])
        _check_rebuilt(run, self._float_outputs)

    def make(self, scheme: str) -> _Made:
        """Return the file of a scheme, compared with the same detector in float32."""
        self._on_step(f"running the network in {scheme}")
        outputs = self._float_outputs if scheme == _FLOAT32 else self._probe.outputs(scheme, self._runtimes[0])
        self._on_step("trying heads on synthetic faults")
        scoring = self._fitting.choose(outputs)
        made = self._made(scheme, scoring, outputs)
        audit(made.model.flatbuffer, self._target, scheme)
        runs = []
        for installed in self._runtimes:
            self._on_step(f"running the file in {installed.title}")
            runs.append(run_in(installed, made.model, self.windows))
        made = replace(made, runs=tuple(runs))
        return self._compared(made, made if scheme == _FLOAT32 else self._reference(scoring))

    def _reference(self, like: FittedScoring) -> _Made:
        """Return the float32 detector that scores as `like` does."""
        made = self._made(_FLOAT32, self._fitting.refit(self._float_outputs, like), self._float_outputs)
        return replace(made, runs=(run_in(self._runtimes[0], made.model, self.windows),))

    def _made(self, scheme: str, scoring: FittedScoring, outputs: FileOutputs) -> _Made:
        return _Made(self._model(scheme, scoring, outputs), scoring, (), (), None, ())

    def _compared(self, made: _Made, full: _Made) -> _Made:
        parities = tuple(self._parity(full, made, one) for one in made.runs)
        found: dict[str, list[str]] = {}
        for one, parity in zip(made.runs, parities, strict=True):
            for sentence in shortfalls(parity, self._settings.limits):
                found.setdefault(sentence, []).append(one.runtime.name)
        failures = tuple(f"{sentence} in {' and '.join(names)}" for sentence, names in found.items())
        own = self._parity(full, full, full.runs[0])
        return replace(made, parities=parities, parity_float32=own, failures=failures)

    def _parity(self, full: _Made, made: _Made, output: RuntimeOutputs) -> Parity:
        reference = full.runs[0]
        parity = compare(Side(reference.codes, reference.scores), Side(output.codes, output.scores))
        parity = parity._replace(roc_auc_full=full.scoring.roc_auc, roc_auc=made.scoring.roc_auc)
        if self._labelled is None:
            return parity
        windows, labels = self._labelled.windows, self._labelled.labels
        before, after = (roc_auc(run_in(self._runtimes[0], one.model, windows).scores, labels) for one in (full, made))
        return parity._replace(labelled_roc_auc_full=before, labelled_roc_auc=after)

    def _model(self, scheme: str, fitted: FittedScoring, outputs: FileOutputs) -> ModelFile:
        """Return the file before the comparison, without parity and runtimes."""
        run, target = self._run, self._target
        preprocessing, arrays = run.spec.preprocessing, {}
        if target.graph == DETECTOR:
            float_graph = build_detector_graph(run.network, preprocessing, fitted.head, fitted.attribution)
        else:
            float_graph = build_network_graph(run.network, (fitted.scoring.head,))
            arrays = {**fitted.head.arrays(), **fitted.attribution.arrays()}
        graph = flatbuffer.name_tensors(quantize(float_graph, scheme, target, self._probe.sample), float_graph)
        spec: DetectorSpec = run.spec._replace(scoring=fitted.scoring)
        manifest = Manifest(
            schema=SCHEMA,
            name=run.name,
            target=target.name,
            spec=spec,
            threshold=threshold_of(fitted.limit, self._settings.budget, self._window_s),
            quantization=_quantization(graph, scheme, target, outputs.normal["inputs"]),
            mean_activation=tuple(outputs.normal["codes"].mean(axis=0, dtype=np.float64).tolist()),
            flatbuffer_sha256="",
            ops=flatbuffer.ops(graph),
            op_places=expected_places(graph) if target.name == "edgetpu" else (),
            provenance=_provenance(run.provenance),
            graph=target.graph,
            outputs=() if target.graph == DETECTOR else flatbuffer.network_outputs(graph),
            drift=fit_drift_limit(outputs.normal["codes"]),
            tried=fitted.tried,
            bands=fitted.bands,
        )
        model = ModelFile(graph, manifest, arrays)
        return replace(model, manifest=replace(manifest, flatbuffer_sha256=model.sha256))


def _checked_windows(probe: Probe) -> tuple[FloatArray, BoolArray]:
    """Return normal and faulty windows, and which ones are faulty."""
    normal = probe.run.windows.windows
    normal = normal[:: -(-len(normal) // _CHECKED_WINDOWS)]
    faulty = np.concatenate([normal[:0], *(fault.windows for fault in probe.faults)])
    faulty = faulty[:: -(-len(faulty) // _CHECKED_WINDOWS)] if len(faulty) else faulty
    return np.concatenate([normal, faulty]), np.repeat([False, True], [len(normal), len(faulty)])


def _check_rebuilt(run: RunFolder, outputs: FileOutputs) -> None:
    """Raise ParityError if the float32 graph does not match the model; no option relaxes this check."""
    codes = run.windows.codes
    reach = max(1.0, float(np.abs(codes).max(initial=0.0)))
    difference = float(np.abs(codes - outputs.normal["codes"]).max(initial=0.0)) / reach
    if difference > FLOAT32_CODES_LIMIT:
        raise ParityError(
            f"the rebuilt float32 graph does not match the full model: codes differ by {difference:.3g}, "
            f"expected at most {FLOAT32_CODES_LIMIT:g}. Nothing is written."
        )


def _check(output: RuntimeOutputs, first: RuntimeOutputs) -> RuntimeCheck:
    difference = float(np.abs(output.scores - first.scores).max())
    return RuntimeCheck(output.runtime.name, output.runtime.version, output.machine, difference)


def _not_run(target: Target, outputs: tuple[RuntimeOutputs, ...]) -> tuple[NotRun, ...]:
    run = {output.runtime.name for output in outputs}
    missing = [NotRun(name, "not installed") for name in target.runtimes if name not in run]
    return (*missing, *(NotRun(target.name, reason) for reason in target.never_run))


def _quantization(graph: bytes, scheme: str, target: Target, inputs: FloatArray) -> Quantization:
    """Read scale and zero point from the finished graph, and measure what they clip."""
    entry = flatbuffer.quantized_input(graph)
    if entry is None:
        return Quantization(scheme, target.granularity)
    scale, zero_point = entry
    reach = 2 ** (15 if scheme == "int16x8" else 7)
    quantized = np.rint(inputs / scale) + zero_point
    saturation = float(((quantized < -reach) | (quantized > reach - 1)).mean())
    return Quantization(scheme, target.granularity, scale, zero_point, saturation)


def _provenance(provenance: Provenance) -> Provenance:
    exporters = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return provenance._replace(
        packages={**provenance.packages, **exporters},
        source_date_epoch=os.environ.get("SOURCE_DATE_EPOCH", ""),
    )
