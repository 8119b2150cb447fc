"""A model file fitted to this machine: scaling, head and threshold anew, the network as the maker made it."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge_runtime.arrays import BoolArray, FloatArray, NumberArray
from edge_runtime.common.counted import counted
from edge_runtime.errors import RecordingError
from edge_runtime.fitting.budget import FalseAlarmBudget
from edge_runtime.fitting.followed_windows import FollowedWindows, are_followed
from edge_runtime.fitting.left_out import can_leave_out
from edge_runtime.fitting.promise import threshold_of, window_s_of
from edge_runtime.fitting.scaling import rescaled
from edge_runtime.fitting.stretch_faults import each_fault
from edge_runtime.inference.attribution import Attribution
from edge_runtime.inference.graph_constants import (
    attribution_in_halves,
    graph_constants,
    head_in_halves,
    scaling_constants,
)
from edge_runtime.inference.heads import Head
from edge_runtime.inference.packed_head import read_head
from edge_runtime.inference.runtimes import Options, Runtime, installed_runtimes
from edge_runtime.model_file.checking.whole_file import check_model
from edge_runtime.model_file.container import ModelFile, parse_model_file
from edge_runtime.model_file.lineage import parent_of
from edge_runtime.model_file.manifest import DetectorSpec, HeadTried, RuntimeCheck
from edge_runtime.model_file.patching import has_halves, read_constants, with_constants
from edge_runtime.refitting.agreement import compare_with_head
from edge_runtime.refitting.network_outputs import SeenWindows
from edge_runtime.refitting.normal_readings import NormalReadings, NormalWindows
from edge_runtime.refitting.prototypes import head_in_graph
from edge_runtime.refitting.refit import Refit, Refitted
from edge_runtime.refitting.scaling import refit_scaling
from edge_runtime.running.trial import try_out
from edge_runtime.verification.reference_run import reference_arrays

_CHECKED_WINDOWS = 1000
_WITH_CENTERS = ("modes", "codebook")


@dataclass(frozen=True)
class AdaptSettings:
    """How to adapt.

    Parameters
    ----------
    runtime : Runtime
        The network runs in it.
    options : Options
    false_alarms : str, optional
        Alarm budget; by default the file's.
    key : Path, optional
        The device's private key, which signs the file.
    on_step : callable
        Told of each step before it is taken.
    """

    runtime: Runtime
    options: Options = Options()  # noqa: RUF009 - never changes
    false_alarms: str | None = None
    key: Path | None = None
    on_step: Callable[[str], None] = lambda _: None


@dataclass(frozen=True)
class Adapted:
    """An adapted file.

    Parameters
    ----------
    model : ModelFile
    at_rest : tuple of str
        Sensors that do not move; they keep the scale they had.
    windows, left_out : int
        Normal windows, and those among them too extreme to fit on.
    """

    model: ModelFile
    at_rest: tuple[str, ...]
    windows: int
    left_out: int


def adapt(content: bytes, path: Path, normal: NormalReadings, step_s: float, settings: AdaptSettings) -> Adapted:
    """Fit scaling, head and threshold of a model file anew on this machine's normal readings.

    An adapted file is adapted again from the maker's within it.

    Parameters
    ----------
    content : bytes
        The model file; it must have been checked, also for its signature.
    path : Path
        For messages.
    normal : NormalReadings
    step_s : float
        Seconds from one reading to the next; NaN if unknown.
    settings : AdaptSettings

    Returns
    -------
    Adapted
        Run in every runtime that is installed and that the maker ran it in; not yet written.

    Raises
    ------
    RecordingError
        If there are too few windows.
    ModelFileError
        If the file cannot be adapted, or a runtime refuses the result.
    ParityError
        If the graph does not score as its head does in full precision.
    """
    given = parse_model_file(content, path)
    content = given.parent or content
    maker = parse_model_file(content, path) if given.parent else given
    windows = normal.windows()
    if not can_leave_out(len(windows)):
        raise RecordingError(
            f"too few normal readings to adapt to: expected at least 20 windows of "
            f"{counted(maker.manifest.spec.preprocessing.window, 'reading')} without a gap. Received: {len(windows)}. "
            "Record longer."
        )
    return _Adaptation(content, path, maker, windows, step_s, settings).make()


@dataclass(frozen=True)
class _Adaptation:
    content: bytes
    path: Path
    maker: ModelFile
    readings: NormalWindows
    step_s: float
    settings: AdaptSettings

    def make(self) -> Adapted:
        self.settings.on_step("fitting the scaling")
        spec = self.maker.manifest.spec
        preprocessing, at_rest = refit_scaling(spec.preprocessing, self.readings)
        windows, spec = _as_seen(self.readings, rescaled(spec, preprocessing))
        scaled = self._with_scaling(spec)
        budget = FalseAlarmBudget.parse(
            self.settings.false_alarms or self.maker.manifest.threshold.budget or FalseAlarmBudget().text
        )
        window_s = self._window_s
        refit = Refit(
            scaled,
            self._head_before,
            self._packs,
            self.settings.runtime,
            self.settings.options,
            budget.per_window(window_s),
            self.settings.on_step,
        )
        found = self._as_stored(refit.fit(windows))
        model = self._with_head(scaled, found)
        threshold = threshold_of(found.chosen.found.limit, budget, window_s)
        model = replace(model, manifest=replace(model.manifest, threshold=threshold))
        names = self.maker.manifest.spec.sensor_names
        return Adapted(
            self._checked(model, found, windows), tuple(names[one] for one in at_rest), len(windows), found.left_out
        )

    @property
    def _window_s(self) -> float:
        """Seconds from one window to the next; 0 if unknown."""
        preprocessing = self.maker.manifest.spec.preprocessing
        return preprocessing.stride * self.step_s if self.step_s > 0 else window_s_of(preprocessing)

    @property
    def _packs(self) -> bool:
        """Whether the file's head is in integers."""
        return "head_factor" in self.maker.arrays

    @property
    def _head_before(self) -> Head | None:
        kind = self.maker.manifest.spec.scoring.head
        if kind not in _WITH_CENTERS:
            return None
        if self.maker.manifest.graph == "network":
            return read_head(kind, self.maker.arrays).unpacked()
        return head_in_graph(kind, read_constants(self.maker.flatbuffer))

    def _with_scaling(self, spec: DetectorSpec) -> ModelFile:
        maker = self.maker
        flatbuffer = maker.flatbuffer
        if maker.manifest.graph == "detector":
            flatbuffer = with_constants(flatbuffer, scaling_constants(spec.preprocessing))
        return replace(maker, flatbuffer=flatbuffer, manifest=replace(maker.manifest, spec=spec))

    def _as_stored(self, found: Refitted) -> Refitted:
        """Return what was fitted as a graph that holds some matrices in float16 scores by it."""
        if self.maker.manifest.graph != "detector" or not has_halves(self.maker.flatbuffer):
            return found
        head, attribution = head_in_halves(found.head.unpacked()), attribution_in_halves(found.attribution)
        return replace(found, head=head, attribution=attribution)

    def _with_head(self, scaled: ModelFile, found: Refitted) -> ModelFile:
        manifest, flatbuffer = scaled.manifest, scaled.flatbuffer
        attribution = found.attribution if "contributions" in self._outputs else None
        arrays: dict[str, NumberArray] = {}
        if manifest.graph == "detector":
            constants = graph_constants(manifest.spec.preprocessing, found.head.unpacked(), attribution)
            flatbuffer = with_constants(flatbuffer, constants)
        else:
            arrays = {**found.head.arrays(), **({} if attribution is None else attribution.arrays())}
        saturation, chosen = found.saturation, found.chosen
        spec = manifest.spec._replace(scoring=manifest.spec.scoring._replace(smoothing_span=chosen.span))
        model = ModelFile(flatbuffer, manifest, arrays, parent=self.content)
        return replace(
            model,
            manifest=replace(
                manifest,
                quantization=manifest.quantization._replace(input_saturation=saturation),
                mean_activation=found.mean_activation,
                flatbuffer_sha256=model.sha256,
                drift=found.drift,
                tried=tuple(HeadTried(one.name, round(one.found.share, 4)) for one in found.tried),
                allows_drift=chosen.way.allow_drift,
                spec=spec,
                bands=found.bands if manifest.bands else (),
                parent=parent_of(self.maker, self.content),
            ),
        )

    @property
    def _outputs(self) -> set[str]:
        """What the maker's file gives, of ``contributions`` alone."""
        if self.maker.manifest.graph == "network":
            return {"contributions"} if Attribution.from_arrays(self.maker.arrays) else set()
        return {"contributions"} if "blame_0" in read_constants(self.maker.flatbuffer) else set()

    def _checked(self, model: ModelFile, found: Refitted, seen: SeenWindows) -> ModelFile:
        """Return the file with its parity, its reference windows and the runtimes it was run in."""
        self.settings.on_step("comparing with the head in full precision")
        windows, is_faulty = _checked_windows(seen)
        agreement = compare_with_head(model, found, windows, self.settings.runtime, self.settings.options)
        parity = agreement.parity._replace(roc_auc=found.chosen.roc_auc)
        manifest = replace(model.manifest, parity=parity, parity_float32=None, parity_failures=(), not_run=())
        arrays = model.arrays | reference_arrays(windows, is_faulty, agreement.codes, agreement.scores)
        model = replace(model, manifest=manifest, arrays=arrays)
        model = replace(model, manifest=replace(manifest, runtimes=self._run_everywhere(model)))
        check_model(model.flatbuffer, model.manifest, model.arrays)
        return model if self.settings.key is None else model.signed(self.settings.key)

    def _run_everywhere(self, model: ModelFile) -> tuple[RuntimeCheck, ...]:
        """Run the file in child processes, one per runtime; in none on an accelerator, which belongs to one process."""
        chosen, options = self.settings.runtime, self.settings.options
        machine = platform.machine()
        if options.accelerator is not None:
            return (RuntimeCheck(chosen.name, chosen.version, machine, 0.0),)
        known = {one.runtime for one in self.maker.manifest.runtimes}
        others = [one for one in installed_runtimes() if one.name in known and one.name != chosen.name]
        content, first, checks = model.to_bytes(), model.arrays["reference_scores"], []
        for runtime in (chosen, *others):
            self.settings.on_step(f"running the file in {runtime.name} {runtime.version}")
            scores = try_out(content, str(self.path), runtime.name, options.num_threads)
            difference = float(np.abs(scores - first).max()) if len(scores) == len(first) else 0.0
            checks.append(RuntimeCheck(runtime.name, runtime.version, machine, difference))
        return tuple(checks)


def _as_seen(readings: NormalWindows, spec: DetectorSpec) -> tuple[SeenWindows, DetectorSpec]:
    """Return the windows as the model sees them, and the detector with the centre that this machine starts from."""
    if not are_followed(spec):
        return readings, spec
    seen = FollowedWindows(readings, readings.starts, spec)
    return seen, seen.spec


def _checked_windows(seen: SeenWindows) -> tuple[FloatArray, BoolArray]:
    """Return normal and faulty windows, and which ones are faulty."""
    chosen = np.unique(np.linspace(0, len(seen) - 1, min(_CHECKED_WINDOWS, len(seen))).astype(int)).tolist()
    normal = np.concatenate([seen[number : number + 1] for number in chosen])
    faults = [fault.windows[:: len(fault.windows) // 4 or 1] for fault in each_fault(seen, seen.deviation)]
    faulty = np.concatenate([normal[:0], *faults])
    return np.concatenate([normal, faulty]), np.arange(len(normal) + len(faulty)) >= len(normal)
