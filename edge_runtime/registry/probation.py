"""Whether a new model keeps what it promises: it must not crash, nor alarm far more often than promised.

**Crashes.** Each start with the model is counted, and forgotten once a few results have come. A model that has been
started three times without getting there is rolled back at the fourth.

**Alarms.** The file promises a rate of false alarms, with an upper bound at 95 % confidence. On a machine that works
normally, the alarms of the whole probation are then at most a Poisson variable with mean *bound x probation*. The limit
is that variable's 99.9th percentile: of 1,000 models that keep their promise, at most one is rolled back. The number of
alarms so far only grows, so it may be compared with the limit of the *whole* probation after each alarm: the 0.1 %
holds for all of these looks together.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from edge_runtime.common.durations import duration_text
from edge_runtime.errors import UsageError
from edge_runtime.fitting.budget import UNITS_S, FalseAlarmBudget
from edge_runtime.model_file.manifest import Threshold

STARTS = 3
RESULTS = 10
"""After this many results a start counts as a success."""
CONFIDENCE = 0.999
_MOST_ALARMS = 1e9


class Probation(NamedTuple):
    """What a new model has done so far.

    Parameters
    ----------
    starts : int
        Starts since the last success.
    results, alarms : int
    watched_s : float
    """

    starts: int = 0
    results: int = 0
    alarms: int = 0
    watched_s: float = 0.0

    @property
    def has_crashed(self) -> bool:
        """Whether it has been started too often without success."""
        return self.starts >= STARTS


def too_many_alarms(probation: Probation, threshold: Threshold, probation_s: float) -> str:
    """Return why a model must be rolled back; empty if it need not.

    Parameters
    ----------
    probation : Probation
    threshold : Threshold
        Of the model, with its promise.
    probation_s : float
        How long the probation takes.
    """
    expected = expected_alarms(probation, threshold, probation_s)
    if expected is None:
        return ""
    most = poisson_limit(expected)
    if probation.alarms <= most:
        return ""
    return (
        f"{probation.alarms} alarms in {duration_text(probation.watched_s)}: it promises so few that {CONFIDENCE:.1%} "
        f"of such models have at most {most} in {duration_text(probation_s)}"
    )


def expected_alarms(probation: Probation, threshold: Threshold, probation_s: float) -> float | None:
    """Return the most alarms that the promise leads one to expect in a probation; None if nothing is promised."""
    promised = threshold.promised_upper
    try:
        unit = FalseAlarmBudget.parse(threshold.budget).unit if threshold.budget else ""
    except UsageError:
        unit = ""
    if promised is None or not unit:
        return None
    if unit in UNITS_S:
        expected = promised * probation_s / UNITS_S[unit]
    elif probation.watched_s > 0:
        expected = promised * probation.results * probation_s / probation.watched_s
    else:
        return None
    return expected if expected < _MOST_ALARMS else None


def poisson_limit(mean: float, confidence: float = CONFIDENCE) -> int:
    """Return the smallest number that a Poisson variable exceeds with a probability of at most 1 - `confidence`.

    Examples
    --------
    >>> poisson_limit(1 / 7), poisson_limit(24.0)
    (2, 40)
    """
    if mean <= 0:
        return 0
    # What lies further below the mean has no probability that a float would notice.
    number = max(0, math.floor(mean - 10 * math.sqrt(mean) - 10))
    below = 0.0
    while True:
        below += math.exp(number * math.log(mean) - mean - math.lgamma(number + 1))
        if below >= confidence or number > mean + 10 * math.sqrt(mean) + 20:
            return number
        number += 1
