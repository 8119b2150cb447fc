"""False alarms as a person on call counts them: a run of alarm rows is one alarm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_runtime.arrays import BoolArray

HOUR_S, DAY_S, WEEK_S = 3600.0, 86_400.0, 604_800.0
_PERIODS = {HOUR_S: "an hour", DAY_S: "a day", WEEK_S: "a week"}
Flags = BoolArray


@dataclass(frozen=True)
class FalseAlarms:
    """Alarms that began in normal rows, and how long these rows lasted; adding pools them.

    Parameters
    ----------
    alarms : int
    normal_s : float
        Seconds; 0 where time is not known.
    """

    alarms: int = 0
    normal_s: float = 0.0

    @classmethod
    def of(cls, alarms: Flags, labels: Flags, row_s: float) -> FalseAlarms:
        """Count runs of alarm rows that begin in a normal row.

        Parameters
        ----------
        alarms, labels : ndarray of shape (n,), bool
            Successive rows in alarm, and anomalous ones.
        row_s : float
            Seconds from row to row; 0 where it is not known.

        Examples
        --------
        >>> alarms = np.array([0, 1, 1, 0, 1, 1, 1, 0], bool)
        >>> anomalous = np.array([0, 0, 0, 0, 1, 1, 0, 0], bool)
        >>> FalseAlarms.of(alarms, anomalous, row_s=60.0)
        FalseAlarms(alarms=1, normal_s=360.0)
        """
        begins = alarms & ~np.concatenate([[False], alarms[:-1]])
        return cls(int((begins & ~labels).sum()), float((~labels).sum() * row_s))

    def __add__(self, other: FalseAlarms) -> FalseAlarms:
        return FalseAlarms(self.alarms + other.alarms, self.normal_s + other.normal_s)

    def per(self, period_s: float) -> float | None:
        """Return alarms per `period_s` seconds of normal rows; None if time is unknown."""
        return self.alarms / self.normal_s * period_s if self.normal_s else None


def heading(period_s: float) -> str:
    """Return the column heading for alarms per `period_s` seconds.

    >>> heading(DAY_S)
    'false alarms a day'
    """
    return f"false alarms {_PERIODS[period_s]}"
