"""``--rows``: a part of a recording by rows, per cent, time since its start, or date and time.

=======================================  ====================================================
``0:400``                                rows, counted from 0; the first is in, the last is not
``25%:75%``                              shares of all rows
``0h:2h``, ``30m:``                      time since the first reading, in s, m, h, d or w
``2026-01-01..2026-01-02T12:00``         dates and times, in UTC unless they say otherwise
=======================================  ====================================================

Either side may be empty. ``..`` stands for ``:`` anywhere; dates with a time need it, as they hold colons themselves.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from edge_runtime.common.durations import parse_duration
from edge_runtime.errors import RecordingError, UsageError
from edge_runtime.tables.open_table import open_table
from edge_runtime.tables.table import Table
from edge_runtime.tables.time_text import seconds

_ROW, _SHARE, _ELAPSED, _CLOCK = "row", "share", "elapsed", "clock"


@dataclass(frozen=True)
class Bound:
    """One end of a part.

    Parameters
    ----------
    kind : str
        ``row``, ``share`` (of all rows), ``elapsed`` (seconds since the first reading) or ``clock`` (since 1970).
    value : float
    """

    kind: str
    value: float


@dataclass(frozen=True)
class RowRange:
    """A part of a recording; None is its start or its end.

    Examples
    --------
    >>> RowRange.parse("10:20").rows("any file")
    slice(10, 20, None)
    >>> RowRange.parse("25%:").start
    Bound(kind='share', value=0.25)
    >>> RowRange.parse("..2026-01-01T12:00").stop
    Bound(kind='clock', value=1767268800.0)
    """

    start: Bound | None = None
    stop: Bound | None = None

    @classmethod
    def parse(cls, text: str) -> RowRange:
        """Read a part as the module's table says.

        Raises
        ------
        UsageError
            If the text says no part, or an empty one.
        """
        ends = text.split(".." if ".." in text else ":")
        if len(ends) != 2:
            raise _not_a_range(text)
        start, stop = (_bound(end.strip(), text) for end in ends)
        if stop and stop.value <= (0.0 if start is None else start.value if start.kind == stop.kind else -math.inf):
            raise UsageError(f"--rows: expected START before STOP. Received: {text!r}")
        return cls(start, stop)

    def rows(self, path: str) -> slice:
        """Return the part as rows of a file, which is read for it unless the part is in rows.

        Raises
        ------
        UsageError
            If the file is standard input, which can be read only once.
        RecordingError
            If the file cannot be read, or has no time where the part is in time.
        """
        if path == "-" and not self._is_in_rows:
            raise UsageError("--rows in per cent or time needs a file: standard input is read only once. Give rows.")
        if self._is_in_rows:
            return self._slice({}, 0)
        with open_table(path) as table:
            return self.rows_in(table)

    def rows_in(self, table: Table) -> slice:
        """Return the part as rows of an open table, which is read for it unless the part is in rows.

        Raises
        ------
        RecordingError
            If it cannot be read, or has no time where the part is in time.
        """
        if self._is_in_rows:
            return self._slice({}, 0)
        count, found = _find(table, [bound for bound in (self.start, self.stop) if bound is not None])
        return self._slice(found, count)

    @property
    def _is_in_rows(self) -> bool:
        return all(bound is None or bound.kind == _ROW for bound in (self.start, self.stop))

    def _slice(self, found: dict[Bound, int], count: int) -> slice:
        """Return the rows; of a bound in rows its own number, of others what was found, or else the end."""
        bounds = (self.start, self.stop)
        rows = [bound and (int(bound.value) if bound.kind == _ROW else found.get(bound, count)) for bound in bounds]
        return slice(*rows)


def _bound(text: str, whole: str) -> Bound | None:
    if not text:
        return None
    if text.isdigit():
        return Bound(_ROW, float(text))
    share = parse_duration(text.removesuffix("%")) if text.endswith("%") else None
    if share is not None and share <= 100:
        return Bound(_SHARE, share / 100)
    elapsed_s = parse_duration(text)
    if elapsed_s is not None:
        return Bound(_ELAPSED, elapsed_s)
    clock_s = math.nan if re.fullmatch(r"[-+.\deE]*", text) and "-" not in text[1:] else float(seconds([text])[0])
    if math.isnan(clock_s):
        raise _not_a_range(whole)
    return Bound(_CLOCK, clock_s)


def _not_a_range(text: str) -> UsageError:
    return UsageError(
        "--rows: expected START:STOP in rows (0:400), per cent (25%:75%) or time since the first reading (0h:2h), or "
        f"START..STOP in dates and times (2026-01-01T06:00..2026-01-02). Received: {text!r}"
    )


def _find(table: Table, bounds: list[Bound]) -> tuple[int, dict[Bound, int]]:
    """Return the number of rows, and the first row at or after each bound that there is."""
    timed = [bound for bound in bounds if bound.kind in (_ELAPSED, _CLOCK)]
    column = table.header.time_column
    if timed and column is None and (table.period_s is None or any(bound.kind == _CLOCK for bound in timed)):
        raise RecordingError(
            f"{table.name} has no time column. Expected one for --rows in time, called time, timestamp, date … "
            f"Columns there: {', '.join(table.header.names)}. Give rows (0:400) or per cent (25%:75%)."
        )
    count, first_s = 0, math.nan
    found: dict[Bound, int] = {}
    for block in table.blocks(table.header.candidates[:1], [column] if timed and column else []):
        rows = count + np.arange(len(block.values))
        times = seconds(block.texts[0]) if block.texts else rows * (table.period_s or math.nan)
        known = times[np.isfinite(times)]
        first_s = float(known[0]) if math.isnan(first_s) and len(known) else first_s
        for bound in timed:
            at_s = bound.value + (first_s if bound.kind == _ELAPSED else 0.0)
            if bound not in found and (times >= at_s).any():
                found[bound] = int(rows[(times >= at_s).argmax()])
        count += len(rows)
    return count, {**found, **{bound: round(bound.value * count) for bound in bounds if bound.kind == _SHARE}}
