"""Alarms against labels: F1, false-alarm rate, missed-alarm rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edge_runtime.arrays import BoolArray


@dataclass
class Confusion:
    """Counts of windows by label and alarm, to be added to as they come.

    Examples
    --------
    >>> import numpy as np
    >>> counts = Confusion()
    >>> counts.add(np.array([True, True, False, False]), np.array([True, False, False, True]))
    >>> counts.f1, counts.far, counts.mar
    (0.5, 0.5, 0.5)
    """

    true_alarms: int = 0
    false_alarms: int = 0
    missed_alarms: int = 0
    true_normals: int = 0

    def add(self, labels: BoolArray, alarms: BoolArray) -> None:
        """Count some windows more; both of shape (n,)."""
        self.true_alarms += int((labels & alarms).sum())
        self.false_alarms += int((~labels & alarms).sum())
        self.missed_alarms += int((labels & ~alarms).sum())
        self.true_normals += int((~labels & ~alarms).sum())

    def text(self) -> str:
        """Return the rates there are.

        >>> Confusion(true_normals=3, false_alarms=1).text()
        'FAR 25.00%'
        """
        far = f"FAR {self.far:.2%}"
        return far if math.isnan(self.mar) else f"F1 {self.f1:.3f}, {far}, MAR {self.mar:.2%}"

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; NaN with neither anomaly nor alarm."""
        return _ratio(2 * self.true_alarms, 2 * self.true_alarms + self.false_alarms + self.missed_alarms)

    @property
    def far(self) -> float:
        """False-alarm rate: share of normal windows with an alarm; NaN without normal windows."""
        return _ratio(self.false_alarms, self.false_alarms + self.true_normals)

    @property
    def mar(self) -> float:
        """Missed-alarm rate: share of anomalous windows without an alarm; NaN without anomalous windows."""
        return _ratio(self.missed_alarms, self.missed_alarms + self.true_alarms)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
