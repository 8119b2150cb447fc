"""Recordings in, run folders out: one, or many at a time."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge_runtime.errors import SaeliteError
from edge_runtime.model_file.manifest import CHOSEN_ON_EXPORT, DetectorSpec, Provenance, Scoring, Sensor
from training.checkpoint import CheckpointFile
from training.common_model import CommonModel
from training.preparation import Prepared, prepare
from training.recordings import Recording
from training.run_folder import NormalWindows, RunFolder
from training.settings import DetectorSettings
from training.trained_run import TrainedRun
from training.trainer import Fitted, OnEpoch, Task, fit_many
from training.weights import codes_of, initial_weights, network_of

_PACKAGES = ("saelite", "tensorflow", "keras", "numpy", "scikit-learn")


def train(
    recording: Recording,
    settings: DetectorSettings,
    on_epoch: OnEpoch = lambda _: None,
    checkpoint: Path | None = None,
    start: CommonModel | None = None,
) -> TrainedRun:
    """Learn what normal looks like. Every row of `recording` counts as normal; labels are never used.

    Parameters
    ----------
    on_epoch, checkpoint
        See `training.trainer.Task`.
    start : CommonModel, optional
        See `train_many`.

    Raises
    ------
    RecordingError
        If the recording is too short, or has sensors that the policy refuses.
    """
    asset = _prepared(recording, settings, start)
    (fitted,) = fit_many([_task(asset, start, on_epoch, checkpoint)])
    return _trained(asset, fitted, start)


def train_many(
    recordings: Sequence[Recording], settings: DetectorSettings, start: CommonModel | None = None
) -> list[TrainedRun | Exception]:
    """Learn each recording on its own, those of one structure and length in one graph.

    The results are those of `train`, up to the rounding of products that are taken together.

    Parameters
    ----------
    recordings : sequence of Recording
        As many as memory holds the windows of; 32 are trained at a time.
    start : CommonModel, optional
        What each asset starts from, with fewer epochs, unless it has other sensors, or another structure.

    Returns
    -------
    list of TrainedRun or Exception
        In order; an error is that recording's alone.
    """
    assets = [_or_error(_prepared, recording, settings, start) for recording in recordings]
    ready = [one for one in assets if isinstance(one, Prepared)]
    fitted = iter(fit_many([_task(one, start) for one in ready]))
    return [one if isinstance(one, Exception) else _or_error(_trained, one, next(fitted), start) for one in assets]


def _or_error(step: Any, *arguments: Any) -> Any:
    """Return what a step returns, or raises: an asset that nobody foresaw must not stop the others."""
    try:
        return step(*arguments)
    except Exception as error:  # noqa: BLE001 - the caller decides what it means
        return error


def _prepared(recording: Recording, settings: DetectorSettings, start: CommonModel | None) -> Prepared:
    return prepare(recording, settings if start is None else start.shaped(settings, recording))


def _task(
    asset: Prepared,
    start: CommonModel | None,
    on_epoch: OnEpoch = lambda _: None,
    checkpoint: Path | None = None,
) -> Task:
    kept = None if checkpoint is None else CheckpointFile(checkpoint, _fingerprint(asset, start))
    weights = None if start is None else start.weights_for(asset.structure, asset.recording.sensors)
    return Task(
        asset.structure,
        weights or initial_weights(asset.structure, asset.settings.seed),
        asset.train,
        asset.validation,
        asset.settings,
        on_epoch,
        kept,
    )


def _trained(asset: Prepared, fitted: Fitted | SaeliteError, start: CommonModel | None) -> TrainedRun:
    if isinstance(fitted, SaeliteError):
        raise fitted
    recording, settings = asset.recording, asset.settings
    windows, starts = asset.normal_windows()
    is_warm = start is not None and start.weights_for(asset.structure, recording.sensors) is not None
    folder = RunFolder(
        name=recording.name,
        spec=DetectorSpec(
            tuple(map(Sensor, recording.sensors, asset.units)),
            asset.preprocessing,
            _asked(settings),
            recording.only_when,
            recording.cycles,
        ),
        network=network_of(asset.structure, fitted.weights),
        windows=NormalWindows(
            windows, codes_of(asset.structure, fitted.weights, asset.preprocessing.transform(windows)), starts
        ),
        is_series=asset.nature.is_series,
        provenance=Provenance(_package_versions(), recording.sha256, settings.seed),
        training={
            "settings": asdict(settings),
            "rows": len(recording.values),
            "windows": len(asset.train),
            "windows_there_were": asset.there_were[0],
            "held_out_windows": len(asset.validation),
            "held_out_windows_there_were": asset.there_were[1],
            "epochs": len(fitted.history),
            "started_from_assets": start.assets if start is not None and is_warm else 0,
            "findings": asdict(asset.findings),
            "nature": asdict(asset.nature),
            "profile": asdict(asset.quality),
        },
    )
    return TrainedRun(
        folder,
        asset.structure,
        fitted.weights,
        fitted.history,
        asset.findings,
        asset.nature,
        settings,
        asset.quality,
    )


def _asked(settings: DetectorSettings) -> Scoring:
    said = {name: getattr(settings, name) for name in ("smoothing_span", "mean_rate", "scale_rate")}
    said = {name: value for name, value in said.items() if value is not None}
    return CHOSEN_ON_EXPORT._replace(head=settings.head, **said)


def _fingerprint(asset: Prepared, start: CommonModel | None) -> str:
    recording = asset.recording
    text = f"{recording.sha256} {recording.sensors} {recording.only_when} {len(recording.values)}"
    text += f" {asdict(asset.settings)}"
    text += "" if start is None else f" {start.digest}"
    return hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def _package_versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in _PACKAGES if _installed(name)}


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
