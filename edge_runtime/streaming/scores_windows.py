"""What a judge needs of a detector."""

from __future__ import annotations

from typing import Protocol

from edge_runtime.arrays import FloatArray
from edge_runtime.model_file.manifest import DetectorSpec


class ScoresWindows(Protocol):
    """What a judge needs of a detector."""

    @property
    def spec(self) -> DetectorSpec:
        """Sensors, preprocessing and how scores are smoothed."""

    @property
    def threshold(self) -> float:
        """Limit of the smoothed score."""

    @property
    def outputs(self) -> frozenset[str]:
        """Of ``score``, ``codes``, ``contributions`` and ``expected``."""

    def outputs_many(self, windows: FloatArray, names: tuple[str, ...]) -> dict[str, FloatArray]:
        """Return outputs by name, each of shape (n, …), of windows of shape (n, window, sensors)."""

    def explain_many(self, windows: FloatArray) -> FloatArray:
        """Return each sensor's contribution to the raw scores, shape (n, sensors)."""

    def expected_many(self, windows: FloatArray) -> FloatArray:
        """Return each sensor's expected mean over each window, shape (n, sensors)."""
