"""The detector as a scikit-learn estimator.

>>> from saelite.sklearn import SparseAutoencoderDetector
>>> rows = np.random.default_rng(0).normal(size=(200, 3))
>>> detector = SparseAutoencoderDetector(epochs=2, random_state=0).fit(rows)
>>> detector.predict([[0.0, 0.0, 0.0], [9.0, -9.0, 9.0]])
array([ 1, -1])
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from edge_runtime.arrays import IntArray
from edge_runtime.common.setting import settings_of
from edge_runtime.common.units import unit_of
from edge_runtime.errors import UsageError
from edge_runtime.inference.heads import Head
from edge_runtime.model_file.manifest import CHOSEN_ON_EXPORT, DetectorSpec, Provenance, Scoring, Sensor
from edge_runtime.signal.preprocessing import Preprocessing
from saelite.signatures import takes
from saelite.workstation import require_export, require_workstation
from training.run_folder import NormalWindows, RunFolder
from training.settings import FIT, NETWORK, DetectorSettings, names_of

Array = npt.NDArray[np.float64]
# What a window of one reading leaves to choose.
_NAMES = (*names_of(NETWORK), "head", *names_of(FIT))
_SETTINGS = tuple(one for one in settings_of(DetectorSettings) if one.name in _NAMES)
# scikit-learn wants the share of outliers kept on the training rows. This head thinks hardly better of them than of
# fresh ones; the codebook that export takes for a table would call three times the share of fresh rows outliers.
_HEAD = "t2x"


class SparseAutoencoderDetector(OutlierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Sparse autoencoder with a scoring head, under scikit-learn's conventions: lower scores are more anomalous.

    Every row is a window of one reading. In saelite itself higher scores are more anomalous; the sign is
    reversed only here. Its other parameters are those of `training.settings.DetectorSettings`, with their defaults.

    Parameters
    ----------
    contamination : float, default 0.05
        Share of the training rows treated as outliers, in (0, 0.5].
    random_state : int, RandomState or None
        Seed of weights and order.
    **settings
        Parameters of the network, its training and the head.

    Attributes
    ----------
    offset_ : float
        ``decision_function = score_samples - offset_``, negative for outliers.
    run_ : RunFolder
        The fitted network as plain arrays.
    head_ : Head
        The scoring head, fitted on what the network gives; export fits it again on what the file gives.
    n_features_in_ : int
    """

    def __init__(self, *, contamination: float = 0.05, random_state: Any = None, **settings: Any) -> None:
        unknown = sorted(settings.keys() - set(_NAMES))
        if unknown:
            raise TypeError(f"unknown parameters: {', '.join(unknown)}. Expected some of {', '.join(_NAMES)}.")
        self.contamination = contamination
        self.random_state = random_state
        for one in _SETTINGS:
            setattr(self, one.name, settings.get(one.name, one.default))

    def fit(self, X: Any, y: Any = None) -> SparseAutoencoderDetector:  # noqa: N803 - scikit-learn's names
        """Learn from rows that are mostly normal, shape (n, columns); `y` is not used."""
        rows = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        self.run_ = self._train(rows, self._settings(len(rows)))
        self.offset_ = float(np.percentile(self._scores(rows), 100.0 * self.contamination))
        return self

    def score_samples(self, X: Any) -> Array:  # noqa: N803 - scikit-learn's name
        """Return one score per row, shape (n,); lower is more anomalous."""
        check_is_fitted(self)
        return self._scores(validate_data(self, X, dtype=np.float64, reset=False))

    def decision_function(self, X: Any) -> Array:  # noqa: N803 - scikit-learn's name
        """Return `score_samples` less the offset: negative for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> IntArray:  # noqa: N803 - scikit-learn's name
        """Return -1 for outliers and 1 for the others, shape (n,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def export(self, path: str | Path, scheme: str = "int8") -> None:
        """Write the model file for the device; its threshold is fitted for the same share of false alarms.

        Parameters
        ----------
        scheme : str
            See `export.quantization.SCHEMES`.
        """
        check_is_fitted(self)
        require_export("export")
        from edge_runtime.fitting.budget import FalseAlarmBudget
        from export.export_run import ExportSettings, export_run

        budget = FalseAlarmBudget(self.contamination, "reading")
        export_run(self.run_, ExportSettings(scheme, budget=budget)).write(Path(path))

    def _settings(self, rows: int) -> DetectorSettings:
        if not 0 < self.contamination <= 0.5:
            raise UsageError(f"contamination: expected a share in (0, 0.5]. Received: {self.contamination}")
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        settings = DetectorSettings(seed=seed, **{name: getattr(self, name) for name in _NAMES})
        epochs = settings.epochs_for(rows)
        head = _HEAD if settings.head == CHOSEN_ON_EXPORT.head else settings.head
        # Without rows that are held out nothing says when to stop before the last epoch.
        return replace(settings, epochs=epochs, patience=max(1, epochs), head=head)

    def _train(self, rows: Array, settings: DetectorSettings) -> RunFolder:
        require_workstation("SparseAutoencoderDetector")
        from export.fitting.fit_heads import fit_head
        from export.network_parts import network_parts
        from training.autoencoder import SparseAutoencoder, plain_network
        from training.trainer import fit

        preprocessing = _preprocessing(rows)
        windows = rows.astype(np.float32)[:, None]
        inputs = preprocessing.transform(windows)
        model = SparseAutoencoder(inputs.shape[1], **settings.network(), seed=settings.seed)
        fit(model, inputs, inputs, settings)
        network = plain_network(model)
        parts = network_parts(network, inputs)
        self.head_: Head = fit_head(settings.head, parts)
        return RunFolder(
            name=type(self).__name__,
            spec=DetectorSpec(self._sensors(), preprocessing, Scoring(settings.head)),
            network=network,
            windows=NormalWindows(windows, parts["codes"].astype(np.float32)),
            is_series=False,
            provenance=Provenance({}, hashlib.sha256(rows.tobytes()).hexdigest(), seed=settings.seed),
            training={"settings": asdict(settings)},
        )

    def _sensors(self) -> tuple[Sensor, ...]:
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            names = [f"x{number}" for number in range(self.n_features_in_)]
        return tuple(Sensor(str(name), unit_of(str(name))) for name in names)

    def _scores(self, rows: Array) -> Array:
        from export.network_parts import network_parts

        inputs = self.run_.spec.preprocessing.transform(rows[:, None])
        return -self.head_.score(network_parts(self.run_.network, inputs))


def _preprocessing(rows: Array) -> Preprocessing:
    """Return standard scaling; a column that never moves keeps its scale."""
    center, scale = rows.mean(axis=0), rows.std(axis=0)
    scale = np.where(scale > 1e-12 * np.maximum(np.abs(center), 1.0), scale, 1.0)
    return Preprocessing("standard", tuple(center.tolist()), tuple(scale.tolist()))


takes(_SETTINGS, document=SparseAutoencoderDetector)(SparseAutoencoderDetector.__init__)
