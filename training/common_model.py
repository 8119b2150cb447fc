"""A model fitted on a sample of a fleet's assets, from which each of them starts."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import RecordingError, SaeliteError
from training.preparation import Prepared, prepare
from training.recordings import Recording
from training.recordings.nature import nature_of
from training.settings import DetectorSettings
from training.trainer import Task, fit_many
from training.weights import Weights, initial_weights

# Of all assets together; more do not lower the loss of a network this small.
_WINDOWS = 20_000


@dataclass(frozen=True)
class CommonModel:
    """What assets start from.

    Parameters
    ----------
    structure : str
        See `training.autoencoder.SparseAutoencoder.structure`.
    weights : Weights
    window : int
        Readings per window.
    features : tuple of str
    assets : int
        How many it was fitted on.
    """

    structure: str
    weights: Weights
    window: int
    features: tuple[str, ...]
    assets: int

    def shaped(self, settings: DetectorSettings, recording: Recording) -> DetectorSettings:
        """Return the settings of an asset that starts from here: what they leave open is as in the common model.

        Window and features are those of the fleet, even for an asset with too few readings to choose them itself.
        """
        if settings.window is None and settings.features is None and nature_of(recording).is_series:
            settings = replace(settings, window=self.window, features=self.features)
        return replace(settings, epochs=settings.warm_epochs_for(len(recording.values) // settings.stride))

    def weights_for(self, structure: str) -> Weights | None:
        """Return the weights for models of this structure; None if the common model has another."""
        return self.weights if structure == self.structure else None

    @property
    def digest(self) -> str:
        """SHA-256 of the weights."""
        return hashlib.sha256(b"".join(np.ascontiguousarray(value).tobytes() for value in self.weights)).hexdigest()


def common_model(recordings: Sequence[Recording], settings: DetectorSettings) -> CommonModel:
    """Fit one model on the windows of several assets, each scaled by its own mean and deviation.

    Parameters
    ----------
    recordings : sequence of Recording
        A sample of the assets. Those of the most frequent structure among them are learnt, so that a few odd ones do
        no harm.
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
    preprocessing = first.preprocessing
    return CommonModel(first.structure, fitted.weights, preprocessing.window, preprocessing.features, len(assets))


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
    ((structure, _),) = Counter(one.structure for one in assets).most_common(1)
    return [one for one in assets if one.structure == structure]


def _sample(parts: Sequence[FloatArray]) -> FloatArray:
    """Return windows of all assets, the same number of each as far as there are."""
    each = max(1, _WINDOWS // len(parts))
    return np.concatenate([part[:: max(1, -(-len(part) // each))] for part in parts])
