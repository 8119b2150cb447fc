"""Fitting a common model on a sample of a fleet's assets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import RecordingError, SaeliteError
from training.common_model import CommonModel
from training.preparation import Prepared, prepare
from training.recordings import Recording
from training.settings import DetectorSettings
from training.trainer import Task, fit_many
from training.weights import initial_weights

# Of all assets together; more do not lower the loss of a network this small.
_WINDOWS = 20_000


def fit_common_model(recordings: Sequence[Recording], settings: DetectorSettings) -> CommonModel:
    """Fit one model on the windows of several assets, each scaled by its own mean and deviation.

    Parameters
    ----------
    recordings : sequence of Recording
        A sample of the assets. Those of the most frequent structure and sensors among them are learnt, so that a few
        odd ones do no harm.
    settings : DetectorSettings
        Those of the assets.

    Raises
    ------
    RecordingError
        If no asset can be learnt from, with the reason of the first.
    """
    assets = _most_frequent(_prepared(recordings, settings))
    first = assets[0]
    train, validation = (_sample([getattr(one, part) for one in assets]) for part in ("train", "validation"))
    epochs = settings.epochs_for(len(train))
    weights = initial_weights(first.structure, settings.seed)
    (fitted,) = fit_many([Task(first.structure, weights, train, validation, replace(settings, epochs=epochs))])
    if isinstance(fitted, SaeliteError):
        raise fitted
    preprocessing, sensors = first.preprocessing, first.recording.sensors
    return CommonModel(
        first.structure, fitted.weights, preprocessing.window, preprocessing.features, sensors, len(assets)
    )


def _prepared(recordings: Sequence[Recording], settings: DetectorSettings) -> list[Prepared]:
    found, errors = [], []
    for recording in recordings:
        try:
            found.append(prepare(recording, settings))
        except SaeliteError as error:
            errors.append(error)
    if not found:
        raise RecordingError(
            "no asset to fit the common model on: expected one that can be learnt. "
            f"Received: {errors[0] if errors else 'none'}"
        )
    return found


def _most_frequent(assets: list[Prepared]) -> list[Prepared]:
    ((usual, _),) = Counter((one.structure, one.recording.sensors) for one in assets).most_common(1)
    return [one for one in assets if (one.structure, one.recording.sensors) == usual]


def _sample(parts: Sequence[FloatArray]) -> FloatArray:
    """Return windows of all assets, the same number of each as far as there are."""
    each = max(1, _WINDOWS // len(parts))
    return np.concatenate([part[:: max(1, -(-len(part) // each))] for part in parts])
