"""What is wanted of each window besides its score."""

from __future__ import annotations

import math
from typing import NamedTuple


class Wanted(NamedTuple):
    """The outputs wanted for each window besides its score.

    Parameters
    ----------
    codes : bool
    explain_above : float or None
        Evidence against each sensor, for scores above this multiple of the threshold; ``-inf`` explains every score,
        None none. Contributions that the model has itself are free, and given for every score.
    expected_every_s : float
        Expected values for the newest window at least so often, for whoever looks at a quiet machine; infinite: never.
    levels : bool
        Whether evidence has levels and expected values, and contributions of every score. Otherwise it has only the
        contributions of scores from one above the threshold on until one is at or below `explain_above`.
    """

    codes: bool = False
    explain_above: float | None = None
    expected_every_s: float = math.inf
    levels: bool = True
