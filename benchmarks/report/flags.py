"""Names above a time axis, slanted and moved apart so that none covers another."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.report.drawing import text_width

SLANT_DEGREES = 40.0
LEADER = 0.16
# Slanted lines of text this far apart along the axis clear each other.
GAP = 0.14 / math.sin(math.radians(SLANT_DEGREES))


@dataclass(frozen=True)
class Flag:
    """A name that belongs to `x` and is written from `shown_x`, in inches right of the axis's start."""

    name: str
    x: float
    shown_x: float


def place_flags(names: list[str], positions: list[float], width: float) -> list[Flag]:
    """Return the flags, in order and at least `GAP` apart; evenly thinned out where they are too many.

    Parameters
    ----------
    names : list of str
    positions : list of float
        Ascending, in inches.
    width : float
        Of the axis, in inches.

    Examples
    --------
    >>> [round(flag.shown_x, 2) for flag in place_flags(["leak", "spike", "drift"], [1.0, 1.02, 4.0], 8.0)]
    [0.9, 1.12, 4.0]
    """
    room = int(width / GAP)
    kept = np.linspace(0, len(names) - 1, min(room, len(names))).round().astype(int)
    places = _apart(np.array(positions, dtype=np.float64)[kept], width)
    return [Flag(names[at], positions[at], place) for at, place in zip(kept, places.tolist(), strict=True)]


def reach(name: str) -> tuple[float, float]:
    """Return how far a name reaches to the right and up from where it is written, in inches."""
    slant, length = math.radians(SLANT_DEGREES), text_width(name)
    return length * math.cos(slant) + 0.08, length * math.sin(slant) + 0.12


def _apart(positions: npt.NDArray[np.float64], width: float) -> npt.NDArray[np.float64]:
    # The running maximum of x - GAP * i pushes right, the minimum pushes left; their mean keeps a crowd centred.
    steps = GAP * np.arange(len(positions))
    right = np.maximum.accumulate(positions - steps)
    left = np.minimum.accumulate((positions - steps)[::-1])[::-1]
    last = width - GAP * max(len(positions) - 1, 0)
    return np.asarray(np.clip((left + right) / 2, 0.0, max(last, 0.0)) + steps)
