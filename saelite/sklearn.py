"""The detector as a scikit-learn estimator.

>>> from saelite.sklearn import SparseAutoencoderDetector
>>> rows = np.random.default_rng(0).normal(size=(200, 3))
>>> detector = SparseAutoencoderDetector(epochs=2, random_state=0).fit(rows)
>>> detector.predict([[0.0, 0.0, 0.0], [9.0, -9.0, 9.0]])
array([ 1, -1])
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from edge_runtime.arrays import IntArray
from edge_runtime.errors import UsageError
from edge_runtime.inference.heads import PARTS, Head
from edge_runtime.model_file.manifest import DetectorSpec, Provenance, Scoring, Sensor
from edge_runtime.signal.preprocessing import Preprocessing
from saelite.workstation import require_workstation
from training.run_folder import NormalWindows, RunFolder

Array = npt.NDArray[np.float64]


class SparseAutoencoderDetector(OutlierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Sparse autoencoder with a scoring head, under scikit-learn's conventions: lower scores are more anomalous.

    Every row is a window of one reading. In saelite itself higher scores are more anomalous; the sign turns
    here and nowhere else.

    Parameters
    ----------
    code_size, hidden, rho, alpha
        See `training.autoencoder.SparseAutoencoder`.
    head : str
        See `edge_runtime.inference.heads`.
    epochs, batch_size, learning_rate
        See `training.trainer.TrainingSettings`.
    contamination : float
        Share of the training rows that are taken for outliers, in (0, 0.5].
    random_state : int, RandomState or None
        Of weights and order.

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

    def __init__(
        self,
        *,
        code_size: int = 32,
        hidden: tuple[int, ...] = (),
        rho: float = 0.05,
        alpha: float = 0.05,
        head: str = "t2x",
        epochs: int = 30,
        batch_size: int = 64,
        learning_rate: float = 4e-3,
        contamination: float = 0.05,
        random_state: Any = None,
    ) -> None:
        self.code_size = code_size
        self.hidden = hidden
        self.rho = rho
        self.alpha = alpha
        self.head = head
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.contamination = contamination
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> SparseAutoencoderDetector:  # noqa: N803 - scikit-learn's names
        """Learn from rows that are mostly normal, shape (n, columns); `y` is not used."""
        rows = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        self._check()
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.run_ = self._train(rows, seed)
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
        require_workstation("export")
        from export.export_run import ExportSettings, export_run
        from export.fitting.budget import FalseAlarmBudget

        budget = FalseAlarmBudget(self.contamination, "reading")
        export_run(self.run_, ExportSettings(scheme, budget=budget)).write(Path(path))

    def _check(self) -> None:
        if self.head not in PARTS:
            raise UsageError(f"head: expected one of {', '.join(PARTS)}. Received: {self.head!r}")
        if not 0 < self.contamination <= 0.5:
            raise UsageError(f"contamination: expected a share in (0, 0.5]. Received: {self.contamination}")

    def _train(self, rows: Array, seed: int) -> RunFolder:
        require_workstation("SparseAutoencoderDetector")
        from export.fitting.fit_heads import fit_head
        from training.autoencoder import SparseAutoencoder, plain_network
        from training.plain_scoring import plain_parts
        from training.trainer import TrainingSettings, fit

        preprocessing = _preprocessing(rows)
        inputs = preprocessing.transform(rows.astype(np.float32)[:, None])
        model = SparseAutoencoder(
            inputs.shape[1], self.code_size, self.hidden, rho=self.rho, alpha=self.alpha, seed=seed
        )
        settings = TrainingSettings(
            self.epochs, self.batch_size, self.learning_rate, decay=True, patience=self.epochs, seed=seed
        )
        fit(model, inputs, inputs, settings)
        network = plain_network(model)
        parts = plain_parts(network, inputs)
        self.head_: Head = fit_head(self.head, parts)
        windows = rows.astype(np.float32)[:, None]
        return RunFolder(
            name=type(self).__name__,
            spec=DetectorSpec(self._sensors(), preprocessing, Scoring(self.head)),
            network=network,
            windows=NormalWindows(windows, parts["codes"].astype(np.float32)),
            is_series=False,
            provenance=Provenance({}, hashlib.sha256(rows.tobytes()).hexdigest(), seed=seed),
            training={"settings": {name: str(value) for name, value in self.get_params().items()}},
        )

    def _sensors(self) -> tuple[Sensor, ...]:
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            names = [f"x{number}" for number in range(self.n_features_in_)]
        return tuple(Sensor(str(name)) for name in names)

    def _scores(self, rows: Array) -> Array:
        from training.plain_scoring import plain_scores

        inputs = self.run_.spec.preprocessing.transform(rows[:, None])
        return -plain_scores(self.run_.network, self.head_, inputs)


def _preprocessing(rows: Array) -> Preprocessing:
    """Return standard scaling; a column that never moves keeps its scale."""
    center, scale = rows.mean(axis=0), rows.std(axis=0)
    scale = np.where(scale > 1e-12 * np.maximum(np.abs(center), 1.0), scale, 1.0)
    return Preprocessing("standard", tuple(center.tolist()), tuple(scale.tolist()))
