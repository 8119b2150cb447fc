"""One reading, as function sources yield it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """The sensors' values at one moment.

    Parameters
    ----------
    time_s : float
        Seconds since the epoch.
    values : mapping of str to float
        Value by sensor name, in the sensors' own units.
    """

    time_s: float
    values: Mapping[str, float]
