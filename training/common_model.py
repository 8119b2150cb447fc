"""A model fitted on a sample of a fleet's assets, from which each of them may start: see `training.common_fit`."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.errors import ModelFileError
from training.recordings import Recording
from training.recordings.nature import nature_of
from training.settings import DetectorSettings

if TYPE_CHECKING:  # whoever only passes a common model on needs no Keras
    from training.weights import Weights


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
    sensors : tuple of str
        Of the assets it was fitted on, without those that were left out.
    assets : int
        How many it was fitted on.
    """

    structure: str
    weights: Weights
    window: int
    features: tuple[str, ...]
    sensors: tuple[str, ...]
    assets: int

    def shaped(self, settings: DetectorSettings, recording: Recording) -> DetectorSettings:
        """Return the settings of an asset that starts from here: what they leave open is as in the common model.

        Window and features are those of the fleet, even for an asset with too few readings to choose them itself.
        """
        if settings.window is None and settings.features is None and nature_of(recording).is_series:
            settings = replace(settings, window=self.window, features=self.features)
        return replace(settings, epochs=settings.warm_epochs_for(len(recording.values) // settings.stride))

    def weights_for(self, structure: str, sensors: Sequence[str]) -> Weights | None:
        """Return the weights for models of this structure and these sensors; None if the common model has others.

        Sensors in another order are others: a weight belongs to its input.
        """
        return self.weights if (structure, tuple(sensors)) == (self.structure, self.sensors) else None

    def to_bytes(self) -> bytes:
        """Return the content of a file, which `read_common_model` reads."""
        content = io.BytesIO()
        arrays: dict[str, Any] = {f"weight_{number}": value for number, value in enumerate(self.weights)}
        facts = {name: value for name, value in vars(self).items() if name != "weights"}
        np.savez(content, facts=json.dumps(facts), **arrays)
        return content.getvalue()

    @property
    def digest(self) -> str:
        """SHA-256 of the weights."""
        return hashlib.sha256(b"".join(np.ascontiguousarray(value).tobytes() for value in self.weights)).hexdigest()


def read_common_model(path: Path) -> CommonModel:
    """Return the common model of a file that holds what `CommonModel.to_bytes` returned.

    Raises
    ------
    ModelFileError
        If there is none, or it is damaged.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            facts: dict[str, Any] = json.loads(str(arrays["facts"]))
            weights = tuple(arrays[f"weight_{number}"] for number in range(len(arrays.files) - 1))
        lists = {name: tuple(facts[name]) for name in ("features", "sensors")}
        return CommonModel(**{**facts, **lists, "weights": weights})
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"{path} is damaged ({type(error).__name__}: {error}). Remove its folder.") from error
