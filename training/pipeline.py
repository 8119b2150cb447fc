"""Recording in, run folder out."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.common.units import units_of
from edge_runtime.model_file.manifest import CHOSEN_ON_EXPORT, DetectorSpec, Provenance, Scoring, Sensor
from training.autoencoder import SparseAutoencoder, plain_network
from training.checkpoint import CheckpointFile
from training.fit_preprocessing import fit_preprocessing
from training.presets import preset_sizes
from training.recordings import Recording
from training.recordings.findings import Findings, apply, find
from training.recordings.nature import nature_of
from training.recordings.profile import profile
from training.recordings.stretches import Stretches, split
from training.run_folder import NormalWindows, RunFolder
from training.settings import DetectorSettings
from training.trained_run import TrainedRun
from training.trainer import OnEpoch, fit

_KEPT_WINDOWS, _KEPT_BYTES = 20_000, 2**26
_BATCH = 4096
_PACKAGES = ("saelite", "tensorflow", "keras", "numpy", "scikit-learn")


def train(
    recording: Recording,
    settings: DetectorSettings,
    on_epoch: OnEpoch = lambda _: None,
    checkpoint: Path | None = None,
) -> TrainedRun:
    """Learn what normal looks like. Every row of `recording` counts as normal; labels are never used.

    Parameters
    ----------
    checkpoint : Path, optional
        See `training.trainer.fit`.

    Raises
    ------
    RecordingError
        If the recording is too short, or has sensors that the policy refuses.
    """
    nature = nature_of(recording)
    settings = settings.chosen_for(recording, nature)
    units = dict(zip(recording.sensors, units_of(recording.sensors, settings.units), strict=True))
    whole, (recording, findings) = recording, without_spoilers(recording, settings)
    quality = profile(whole, findings, nature)
    train_part, held_out_part = _split(recording, settings)
    rng = np.random.default_rng(settings.seed)
    # Fitted on all rows: the device's mean starts from this centre, and the last quarter is as normal as the rest.
    preprocessing = fit_preprocessing(_whole(recording, settings), settings, rng, recording.rate_hz)
    limit = settings.window_limit(len(recording.sensors))
    inputs = preprocessing.transform(train_part.sample(limit, rng))
    held_out_inputs = preprocessing.transform(held_out_part.runs(limit))

    model = _model(inputs.shape[1], settings)
    kept = None if checkpoint is None else CheckpointFile(checkpoint, _fingerprint(recording, settings))
    history = fit(model, inputs, held_out_inputs, settings, on_epoch, kept)
    windows = _normal_windows(recording, settings)
    folder = RunFolder(
        name=recording.name,
        spec=DetectorSpec(
            tuple(Sensor(name, units[name]) for name in recording.sensors),
            preprocessing,
            _asked(settings),
            recording.only_when,
        ),
        network=plain_network(model),
        windows=NormalWindows(windows, _codes(model, preprocessing.transform(windows))),
        is_series=nature.is_series,
        provenance=Provenance(_package_versions(), recording.sha256, settings.seed),
        training={
            "settings": asdict(settings),
            "rows": len(recording.values),
            "windows": len(inputs),
            "windows_there_were": len(train_part),
            "held_out_windows": len(held_out_inputs),
            "held_out_windows_there_were": len(held_out_part),
            "epochs": len(history),
            "findings": asdict(findings),
            "nature": asdict(nature),
            "profile": asdict(quality),
        },
    )
    return TrainedRun(folder, model, history, findings, nature, settings, quality)


def _normal_windows(recording: Recording, settings: DetectorSettings) -> FloatArray:
    """Return the windows that export fits on: all of them, or runs of successive ones spread over the recording."""
    whole = _whole(recording, settings)
    window_bytes = 4 * whole.window * len(recording.sensors)
    return whole.runs(max(2, min(_KEPT_WINDOWS, _KEPT_BYTES // window_bytes)))


def _whole(recording: Recording, settings: DetectorSettings) -> Stretches:
    return _split(recording, replace(settings, validation_fraction=0.0))[0]


def _codes(model: SparseAutoencoder, inputs: FloatArray) -> FloatArray:
    starts = range(0, len(inputs), _BATCH)
    return np.concatenate([np.asarray(model.encoder(inputs[start : start + _BATCH])) for start in starts])


def _model(inputs: int, settings: DetectorSettings) -> SparseAutoencoder:
    options = settings.network()
    if settings.preset:
        options["hidden"], options["code_size"] = preset_sizes(settings.preset, inputs)
    return SparseAutoencoder(inputs, **options, seed=settings.seed)


def _asked(settings: DetectorSettings) -> Scoring:
    said = {name: getattr(settings, name) for name in ("smoothing_span", "mean_rate", "scale_rate")}
    said = {name: value for name, value in said.items() if value is not None}
    return CHOSEN_ON_EXPORT._replace(head=settings.head, **said)


def _fingerprint(recording: Recording, settings: DetectorSettings) -> str:
    text = f"{recording.sha256} {recording.sensors} {recording.only_when} {len(recording.values)} {asdict(settings)}"
    return hashlib.sha256(text.encode()).hexdigest()


def without_spoilers(recording: Recording, settings: DetectorSettings) -> tuple[Recording, Findings]:
    """Return the recording without the sensors that `settings` drop, and all that was found."""
    findings = find(_split(recording, settings)[0], recording.sensors)
    return apply(recording, findings, settings), findings


def _split(recording: Recording, settings: DetectorSettings) -> tuple[Stretches, Stretches]:
    return split(recording, settings.window or 1, settings.stride, settings.validation_fraction)


@functools.cache
def _package_versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in _PACKAGES if _installed(name)}


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
