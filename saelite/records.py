"""Records as a table, as CSV or as lines of JSON: safe for terminals and spreadsheets, whoever chose the names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from edge_runtime.sinks.text import csv_cell
from saelite.console_tables import table
from saelite.plain import plain


def printed(records: Sequence[dict[str, Any]], form: str | None) -> str:
    """Return records, all with the same fields, as text.

    Parameters
    ----------
    records : sequence of dict
    form : str or None
        ``csv``, ``json``, or None for a table.

    Examples
    --------
    >>> print(printed([{"alarm": 1, "said": "=1+1"}], "csv"))
    alarm,said
    1,'=1+1
    >>> print(printed([{"alarm": 1, "said": None}], "json"))
    {"alarm": 1, "said": null}
    """
    if form == "json":
        return "\n".join(map(json.dumps, records))
    rows = [["" if value is None else str(value) for value in record.values()] for record in records]
    names = list(records[0]) if records else []
    if form == "csv":
        # Numbers are no formulas, even those below zero.
        lines = [
            ",".join(
                text if isinstance(value, int | float) else csv_cell(plain(text))
                for text, value in zip(row, record.values(), strict=True)
            )
            for row, record in zip(rows, records, strict=True)
        ]
        return "\n".join([",".join(names), *lines])
    return table([names, *rows], header=True) if rows else "nothing so far"
