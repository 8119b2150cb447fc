"""What kind of CSV a text is: separator, decimal comma, which column is time, which are annotations."""

from __future__ import annotations

import csv
from dataclasses import dataclass

from edge_runtime.errors import RecordingError
from edge_runtime.sources.table import Header

SEPARATORS = ",;\t|"


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
    header = tuple(cell.strip() for cell in next(csv.reader([first], delimiter=separator)))
    _check_header(header, name)
    cells = [cell for line in lines[1:] for cell in next(csv.reader([line.rstrip("\r\n")], delimiter=separator), [])]
    decimal_comma = separator != "," and any("," in cell and _is_number(cell.replace(",", ".")) for cell in cells)
    return CsvFormat(separator, decimal_comma, Header(header))


def _check_header(header: tuple[str, ...], name: str) -> None:
    if all(_is_number(cell) for cell in header):
        raise RecordingError(
            f"{name} has no header: its first line is numbers only ({', '.join(header[:4])} …). "
            "Expected sensor names. Add a first line with one name per column."
        )
    twice = sorted({cell for cell in header if header.count(cell) > 1})
    if twice:
        what = "several columns without a name" if twice == [""] else f"columns with the same name: {', '.join(twice)}"
        raise RecordingError(f"{name} has {what}. Expected one name per column, each once. Rename them.")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
