"""The number of false alarms the user accepts: ``1/week``, ``2 per day``, or a share of the readings."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge_runtime.errors import UsageError

UNITS_S = {"hour": 3600.0, "day": 86400.0, "week": 604800.0, "month": 2629800.0}
_PATTERN = re.compile(r"\s*([0-9.]+)\s*(?:/|per)\s*(hour|day|week|month|reading)s?\s*")


@dataclass(frozen=True)
class FalseAlarmBudget:
    """Number of alarms that normal work may raise.

    Parameters
    ----------
    count : float
    unit : str
        A key of `UNITS_S`, or ``reading``.
    """

    count: float = 1.0
    unit: str = "week"

    @classmethod
    def parse(cls, text: str) -> FalseAlarmBudget:
        """Return the budget that `text` states.

        Raises
        ------
        UsageError
            If it states none.

        Examples
        --------
        >>> FalseAlarmBudget.parse("2/day"), FalseAlarmBudget.parse("0.001/reading")
        (FalseAlarmBudget(count=2.0, unit='day'), FalseAlarmBudget(count=0.001, unit='reading'))
        """
        match = _PATTERN.fullmatch(text)
        try:
            count = float(match[1]) if match else 0.0
        except ValueError:
            count = 0.0
        if match is None or not count > 0:
            raise UsageError(
                "--false-alarms: expected a number above 0 per hour, day, week, month or reading, such as 1/week or "
                f"0.001/reading. Received: {text!r}"
            )
        return cls(count, match[2])

    @property
    def text(self) -> str:
        """The budget in words."""
        return f"{self.count:g}/{self.unit}"

    def per_window(self, window_s: float) -> float | None:
        """Return the alarms allowed per window; None if the time between two windows is unknown.

        Parameters
        ----------
        window_s : float
            Seconds from one window to the next; 0 where unknown.
        """
        if self.unit == "reading":
            return self.count
        return self.count * window_s / UNITS_S[self.unit] if window_s else None
