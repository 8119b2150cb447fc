"""``--align``: how readings of several rates become rows."""

from __future__ import annotations

from dataclasses import dataclass

from edge_runtime.common.durations import parse_duration
from edge_runtime.errors import UsageError

WAYS = ("last", "mean")
_SHORTEST_S = 0.001


@dataclass(frozen=True)
class Alignment:
    """One row per period.

    Parameters
    ----------
    period_s : float
    way : str
        ``last``: each sensor's newest value; ``mean``: the mean of its values within the period, the newest before
        where there is none.
    oldest_s : float or None
        Maximum age of a value; an older one is missing. By default ten times the sensor's usual interval, at least ten
        periods: a dead sensor must not look steady.
    """

    period_s: float
    way: str = "last"
    oldest_s: float | None = None

    @classmethod
    def parse(cls, text: str) -> Alignment:
        """Parse ``PERIOD[:last|mean][:AGE]``.

        Raises
        ------
        UsageError
            If it has another form.

        Examples
        --------
        >>> Alignment.parse("1s"), Alignment.parse("0.5:mean:30s")
        (Alignment(period_s=1.0, way='last', oldest_s=None), Alignment(period_s=0.5, way='mean', oldest_s=30.0))
        """
        period, *rest = text.split(":")
        way = rest.pop(0) if rest and rest[0] in WAYS else "last"
        age = rest.pop(0) if rest else None
        period_s, oldest_s = parse_duration(period), None if age is None else parse_duration(age)
        if rest or (period_s or 0.0) < _SHORTEST_S or (age is not None and not oldest_s):
            raise UsageError(
                "align: expected PERIOD, at least 1 ms, then :last, :mean or nothing, and :AGE or nothing, such as 1s, "
                f"1s:mean or 1s:last:30s. Received: {text!r:.80}"
            )
        return cls(period_s or 0.0, way, oldest_s)
