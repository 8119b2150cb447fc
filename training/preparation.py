"""From a recording to scaled windows: everything that is decided before the first step of training."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edge_runtime.arrays import FloatArray, IntArray
from edge_runtime.common.units import units_of
from edge_runtime.signal.preprocessing import Preprocessing
from training.autoencoder import structure_of
from training.fit_preprocessing import fit_preprocessing
from training.presets import preset_sizes
from training.recordings import Recording
from training.recordings.counters import counters_in
from training.recordings.cycles import take_away
from training.recordings.findings import Findings, apply, find
from training.recordings.nature import Nature, nature_of
from training.recordings.profile import Profile, profile
from training.recordings.stretches import Stretches, split
from training.settings import DetectorSettings
from training.threads import prefer_one_thread

_KEPT_WINDOWS, _KEPT_BYTES = 20_000, 2**26


@dataclass(frozen=True)
class Prepared:
    """A recording that is ready to be learnt.

    Parameters
    ----------
    recording : Recording
        Without the sensors that the settings leave out, and without the usual course of the day.
    settings : DetectorSettings
        Settings, including those that were chosen.
    units : tuple of str
        Of the recording's sensors.
    nature : Nature
    findings : Findings
    quality : Profile
    preprocessing : Preprocessing
    train, validation : ndarray of shape (n, inputs), float32
        Scaled windows.
    there_were : tuple of int
        Windows for training and validation before they were thinned.
    structure : str
        See `training.autoencoder.SparseAutoencoder.structure`.
    """

    recording: Recording
    settings: DetectorSettings
    units: tuple[str, ...]
    nature: Nature
    findings: Findings
    quality: Profile
    preprocessing: Preprocessing
    train: FloatArray
    validation: FloatArray
    there_were: tuple[int, int]
    structure: str

    def normal_windows(self) -> tuple[FloatArray, IntArray]:
        """Return the windows that export fits on, and where they do not follow each other.

        All of them, or runs of successive ones spread over the recording.
        """
        whole = _whole(self.recording, self.settings)
        window_bytes = 4 * whole.window * len(self.recording.sensors)
        numbers = whole.runs(max(2, min(_KEPT_WINDOWS, _KEPT_BYTES // window_bytes)))
        return whole.take(numbers), whole.starts(numbers)


def prepare(recording: Recording, settings: DetectorSettings) -> Prepared:
    """Choose what the settings leave open, look at the recording's quality, and scale its windows.

    Raises
    ------
    RecordingError
        If the recording is too short, or has sensors that the policy refuses.
    """
    prefer_one_thread()
    nature = nature_of(recording)
    settings = settings.chosen_for(recording, nature)
    units = dict(zip(recording.sensors, units_of(recording.sensors, settings.units), strict=True))
    whole, (recording, findings) = recording, without_spoilers(recording, settings, is_series=nature.is_series)
    quality = profile(whole, findings, nature)
    train_part, held_out_part = _split(recording, settings)
    rng = np.random.default_rng(settings.seed)
    # Fitted on all rows: the device's mean starts from this centre, and the last quarter is as normal as the rest.
    preprocessing = fit_preprocessing(_whole(recording, settings), settings, rng, recording.rate_hz)
    limit = settings.window_limit(len(recording.sensors))
    train = preprocessing.transform(train_part.sample(limit, rng))
    return Prepared(
        recording,
        settings,
        tuple(units[name] for name in recording.sensors),
        nature,
        findings,
        quality,
        preprocessing,
        train,
        preprocessing.transform(held_out_part.take(held_out_part.runs(limit))),
        (len(train_part), len(held_out_part)),
        _structure(train.shape[1], settings),
    )


def without_spoilers(
    recording: Recording, settings: DetectorSettings, *, is_series: bool = True
) -> tuple[Recording, Findings]:
    """Return the recording without its usual course and the sensors that `settings` drop, and all that was found."""
    counters = counters_in(_split(recording, settings)[0], recording.sensors) if is_series else ()
    recording = take_away(recording)
    findings = find(_split(recording, settings)[0], recording.sensors, recording.cycles, counters)
    return apply(recording, findings, settings), findings


def _structure(inputs: int, settings: DetectorSettings) -> str:
    options = settings.network()
    if settings.preset:
        options["hidden"], options["code_size"] = preset_sizes(settings.preset, inputs)
    return structure_of(inputs, **options)


def _whole(recording: Recording, settings: DetectorSettings) -> Stretches:
    return _split(recording, replace(settings, validation_fraction=0.0))[0]


def _split(recording: Recording, settings: DetectorSettings) -> tuple[Stretches, Stretches]:
    return split(recording, settings.window or 1, settings.stride, settings.validation_fraction)
