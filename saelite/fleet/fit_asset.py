"""What a worker does for one asset: read, look, export, check; and what it falls back to."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from edge_runtime.errors import ModelFileError, RecordingError, SaeliteError
from edge_runtime.model_file.container import ModelFile
from saelite.false_alarms import blindness, doubt
from saelite.fleet.asset_facts import facts_of
from saelite.fleet.assets import Asset
from saelite.fleet.fleet_model import FleetModel
from saelite.fleet.fleet_settings import FleetSettings
from saelite.fleet.model_figures import figures_of
from saelite.fleet.outcome import FAILED, FELL_BACK, MADE, AssetOutcome, AssetResult
from training.recordings import Recording

if TYPE_CHECKING:
    from saelite.exporting import Exported
    from training.run_folder import RunFolder
    from training.trained_run import TrainedRun

MODEL_FILE = "model.tflite"
_QUOTED = 500


class Made(NamedTuple):
    """A file, and the step that made it."""

    step: str
    model: ModelFile
    files: dict[str, bytes]


class Step(NamedTuple):
    """A way to make an asset's file.

    Parameters
    ----------
    name : str
        Empty for what was asked for.
    make : callable
    needs_fit : bool
        Whether it starts from the asset's own network.
    """

    name: str
    make: Callable[[AssetWork], tuple[ModelFile, dict[str, bytes]]]
    needs_fit: bool = True


class AssetWork:
    """One asset: its recording, if it can be read, and its network once it is fitted; nothing raises.

    Parameters
    ----------
    asset : Asset
    settings : FleetSettings
    common : FleetModel or None

    Attributes
    ----------
    run : TrainedRun, Exception or None
        Its network, or why it has none; None before it is fitted.
    cpu_s : float
        CPU seconds spent on it so far.
    """

    def __init__(self, asset: Asset, settings: FleetSettings, common: FleetModel | None) -> None:
        self.settings, self.common = settings, common
        self.outcome = AssetOutcome(asset.name, FAILED)
        self.recording: Recording | None = None
        self.run: TrainedRun | Exception | None = None
        began_s = time.process_time()
        try:
            self.recording = asset.read(settings.selection)
            self.outcome = self._seen(self.recording)
        except Exception as error:  # noqa: BLE001 - one bad asset never stops the others
            self.run = error
        self.cpu_s = time.process_time() - began_s

    @property
    def size(self) -> int:
        """Bytes of its rows."""
        return 0 if self.recording is None else self.recording.values.nbytes

    @property
    def rows(self) -> Recording:
        """Its recording, which was read."""
        if self.recording is None:
            raise RecordingError(f"{self.outcome.asset} could not be read")
        return self.recording

    @property
    def trained(self) -> TrainedRun:
        """Its network, which was fitted."""
        if self.run is None or isinstance(self.run, Exception):
            raise RecordingError(f"{self.outcome.asset} could not be trained")
        return self.run

    @property
    def is_warm(self) -> bool:
        """Whether its network started from the common model."""
        return not isinstance(self.run, Exception) and bool(self.trained.folder.training["started_from_assets"])

    def result(self) -> AssetResult:
        """Return what becomes of it."""
        began_s, outcome, files = cpu_s(), self.outcome, {}
        try:
            made, reasons = _climbed_down(self)
            outcome = replace(outcome, reason="; ".join(reasons))
            if made is not None:
                outcome, files = _described(self, outcome, made), made.files
        except Exception as error:  # noqa: BLE001 - one bad asset never stops the others
            outcome, files = replace(outcome, status=FAILED, reason=_text(error)), {}
        self.cpu_s += cpu_s() - began_s
        return AssetResult(replace(outcome, cpu_s=round(self.cpu_s, 3)), files)

    def _seen(self, recording: Recording) -> AssetOutcome:
        """Return the outcome with what is known of the recording alone."""
        common = self.common
        try:
            errors = common.errors(recording) if common is not None and common.fits(recording) else None
        except Exception:  # noqa: BLE001 - too short to compare, which the fit says better
            errors = None
        return replace(
            self.outcome,
            rows=len(recording.values),
            sensors=recording.sensors,
            findings=recording.notes,
            budget=self.settings.export.false_alarms,
            facts=facts_of(recording, errors),
        )

    def exported(self, folder: RunFolder, scheme: str | None) -> tuple[ModelFile, dict[str, bytes]]:
        """Return a run's file, and all files that go with it."""
        from saelite.exporting import export

        options = {**vars(self.settings.export), "quantize": scheme}
        with tempfile.TemporaryDirectory(prefix="saelite-") as temporary:
            place = Path(temporary)
            done: Exported = export(folder, place / MODEL_FILE, **options)
            written = sorted(one for one in place.rglob("*") if one.is_file())
            return done.model, {one.relative_to(place).as_posix(): one.read_bytes() for one in written}


def _as_asked(work: AssetWork) -> tuple[ModelFile, dict[str, bytes]]:
    return work.exported(work.trained.folder, work.settings.export.quantize)


def _in_float32(work: AssetWork) -> tuple[ModelFile, dict[str, bytes]]:
    return work.exported(work.trained.folder, "float32")


def _by_inputs(work: AssetWork) -> tuple[ModelFile, dict[str, bytes]]:
    """Score by the inputs' own covariance, which needs nothing of the network."""
    folder = work.trained.folder
    scoring = folder.spec.scoring._replace(head="inputs")
    return work.exported(replace(folder, spec=folder.spec._replace(scoring=scoring)), "float32")


def _by_common_model(work: AssetWork) -> tuple[ModelFile, dict[str, bytes]]:
    if work.common is None:
        raise ModelFileError("the fleet has no common model to fall back to")
    model = work.common.borrowed(work.rows, work.settings)
    return model, {MODEL_FILE: model.to_bytes()}


LADDER = (
    Step("", _as_asked),
    Step("float32", _in_float32),
    Step("head inputs", _by_inputs),
    Step("common model", _by_common_model, needs_fit=False),
)
"""What is tried for an asset, one after the other, until a file is made and passes its checks."""


def _climbed_down(work: AssetWork) -> tuple[Made | None, list[str]]:
    """Return the file of the first step that keeps parity, or of the first that gives one; and why others did not."""
    reasons: list[str] = []
    second_best: Made | None = None
    steps: tuple[Step, ...] = LADDER
    if isinstance(work.run, Exception):
        reasons.append(_text(work.run))
        steps = tuple(step for step in LADDER if not step.needs_fit and work.recording is not None)
    for step in steps:
        try:
            made = Made(step.name, *step.make(work))
        except Exception as error:  # noqa: BLE001 - reported, and the next step may do
            reasons.append(f"{step.name}: {_text(error)}" if step.name else _text(error))
            continue
        failures = made.model.manifest.parity_failures
        if not failures:
            return made, reasons
        second_best = second_best or made
        reasons.append(f"{step.name or made.model.manifest.quantization.scheme}: {'; '.join(failures)}")
    return second_best, reasons


def _described(work: AssetWork, outcome: AssetOutcome, made: Made) -> AssetOutcome:
    """Return the outcome of a file that was made."""
    manifest = made.model.manifest
    is_own = made.step != LADDER[-1].name
    windows = work.trained.folder.windows.windows if is_own else work.rows.windows(manifest.spec)
    warnings = [one for one in (doubt(manifest.threshold), blindness(manifest.tried)) if one]
    found = [*outcome.findings, *(work.trained.findings.lines(work.trained.settings) if is_own else ()), *warnings]
    return replace(
        outcome,
        status=FELL_BACK if made.step else MADE,
        fallback=made.step,
        windows=manifest.threshold.n_windows,
        window=manifest.spec.preprocessing.window,
        sensors=manifest.spec.sensor_names,
        findings=tuple(found),
        quality=work.trained.profile.grade if is_own else "",
        is_warm=is_own and work.is_warm,
        figures=figures_of(made.model, made.files[MODEL_FILE], windows, _loss(work) if is_own else None),
    )


def _loss(work: AssetWork) -> float | None:
    return min((one.validation_loss for one in work.trained.history), default=None)


def _text(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text[:_QUOTED] if isinstance(error, SaeliteError) else f"{type(error).__name__}: {text}"[:_QUOTED]


def cpu_s() -> float:
    """Return CPU seconds of this process and its children, also of those that still run to check files."""
    import psutil

    used = sum(os.times()[:4])
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it may have ended meanwhile
            used += sum(child.cpu_times()[:4])
    return used
