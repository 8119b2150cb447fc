"""Rows by label and alarm, and the rates they give."""

from __future__ import annotations

from dataclasses import dataclass

from edge_runtime.arrays import BoolArray


@dataclass(frozen=True)
class Counts:
    """Rows by label and alarm; adding pools them."""

    hits: int = 0
    false_alarms: int = 0
    missed: int = 0
    quiet: int = 0

    @classmethod
    def of(cls, labels: BoolArray, alarms: BoolArray) -> Counts:
        """Count rows.

        >>> import numpy as np
        >>> Counts.of(np.array([True, True, False]), np.array([True, False, False]))
        Counts(hits=1, false_alarms=0, missed=1, quiet=1)
        """
        pairs = ((labels, alarms), (~labels, alarms), (labels, ~alarms), (~labels, ~alarms))
        return cls(*(int((label & alarm).sum()) for label, alarm in pairs))

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))

    @property
    def rows(self) -> int:
        """Number of rows counted."""
        return self.hits + self.false_alarms + self.missed + self.quiet

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.hits / max(2 * self.hits + self.false_alarms + self.missed, 1)

    @property
    def far(self) -> float:
        """Share of normal rows that alarm."""
        return self.false_alarms / max(self.false_alarms + self.quiet, 1)

    @property
    def mar(self) -> float:
        """Share of anomalous rows that do not."""
        return self.missed / max(self.missed + self.hits, 1)
