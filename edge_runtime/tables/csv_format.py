"""What kind of CSV a text is: separator, decimal comma, which column is time, which are annotations."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass

from edge_runtime.common.size_limits import limit, raised_by
from edge_runtime.errors import RecordingError
from edge_runtime.tables.table import Header

SEPARATORS = ",;\t|"
_LIMIT = "SAELITE_MAX_COLUMNS"


@dataclass(frozen=True)
class CsvFormat:
    """The form of a CSV text.

    Parameters
    ----------
    separator : str
    decimal_comma : bool
        Numbers are written ``12,5``.
    header : Header
    """

    separator: str
    decimal_comma: bool
    header: Header

    def split(self, line: str) -> list[str]:
        """Return the cells of a line."""
        return next(csv.reader([line], delimiter=self.separator), [])


def sniff_csv(lines: list[str], name: str) -> CsvFormat:
    """Return the format of a CSV text from its first lines, the header among them.

    Raises
    ------
    RecordingError
        If there is no header, or a column name is missing or used twice.

    Examples
    --------
    >>> sniff_csv(["time;flow;anomaly", "1;2,5;0"], "pump.csv")
    CsvFormat(separator=';', decimal_comma=True, header=Header(names=('time', 'flow', 'anomaly')))
    """
    if not lines or not lines[0].strip():
        raise RecordingError(f"{name} is empty. Expected a header line with sensor names, then one reading per line.")
    first = lines[0].lstrip("\ufeff").rstrip("\r\n")
    separator = max(SEPARATORS, key=first.count) if any(mark in first for mark in SEPARATORS) else ","
    header = tuple(cell.strip() for cell in _cells(first, separator, name))
    _check_header(header, name)
    cells = [cell for line in lines[1:] for cell in _cells(line.rstrip("\r\n"), separator, name)]
    decimal_comma = separator != "," and any("," in cell and _is_number(cell.replace(",", ".")) for cell in cells)
    return CsvFormat(separator, decimal_comma, Header(header))


def _cells(line: str, separator: str, name: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error as error:
        raise RecordingError(f"{name} is not a CSV file ({error}). Expected a header with sensor names.") from error


def _check_header(header: tuple[str, ...], name: str) -> None:
    if all(_is_number(cell) for cell in header):
        raise RecordingError(
            f"{name} has no header: its first line is numbers only ({', '.join(header[:4])} …). "
            "Expected sensor names. Add a first line with one name per column."
        )
    most = limit(_LIMIT)
    if len(header) > most:
        raise RecordingError(f"{name} has {len(header)} columns. Expected at most {most}. {raised_by(_LIMIT)}")
    twice = sorted(cell for cell, count in Counter(header).items() if count > 1)
    if twice:
        what = "several columns without a name" if twice == [""] else f"columns with the same name: {', '.join(twice)}"
        raise RecordingError(f"{name} has {what}. Expected one name per column, each once. Rename them.")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
