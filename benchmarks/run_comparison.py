"""What became slower between two benchmarks, by ratio to work that never changes."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.benchmark_result import Benchmark, Latency
from benchmarks.latency import ratio_interval

TOLERANCE = 1.25
_FEWEST_ROUNDS = 3


@dataclass(frozen=True)
class Change:
    """One row in both benchmarks.

    Parameters
    ----------
    title : str
    before, after : float
        How many times as long as the yardstick it took.
    ratio : float
        After by before: above 1 is slower.
    verdict : str
        ``slower`` or ``faster`` if both the ratio and its interval are beyond the tolerance, otherwise ``same``;
        ``too few rounds to tell`` for a run with fewer than three.
    """

    title: str
    before: float
    after: float
    ratio: float
    verdict: str


def changes(old: Benchmark, new: Benchmark) -> list[Change]:
    """Return how each row that both have changed.

    Times are divided by the yardstick's time in the same run, so that a slower machine does not look like slower code.
    """
    yardsticks = old.row("yardstick"), new.row("yardstick")
    if yardsticks[0] is None or yardsticks[1] is None:
        return []
    found = []
    for row in new.latency:
        before = old.row(row.contender.key)
        if before is not None and row.contender.key != "yardstick":
            found.append(_change(before, yardsticks[0], row, yardsticks[1]))
    return found


def _change(before: Latency, old_yardstick: Latency, after: Latency, new_yardstick: Latency) -> Change:
    old, new = before.p50_us / old_yardstick.p50_us, after.p50_us / new_yardstick.p50_us
    old_low, old_high = ratio_interval(before, old_yardstick)
    new_low, new_high = ratio_interval(after, new_yardstick)
    verdict = "same"
    if len(after.round_p50_us) < _FEWEST_ROUNDS:
        verdict = "too few rounds to tell"
    elif new_low > old_high and new > TOLERANCE * old:
        verdict = "slower"
    elif new_high < old_low and new * TOLERANCE < old:
        verdict = "faster"
    return Change(after.contender.title, old, new, new / old, verdict)
