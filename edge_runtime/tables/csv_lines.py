"""Lines of CSV into numbers and texts: in bulk where they are clean, cell by cell where they are not."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.tables.csv_format import CsvFormat

NO_VALUE = frozenset({"", "na", "n/a", "nan", "null", "none", "-"})
_NO_VALUES = sorted({word for one in NO_VALUE for word in (one, one.upper(), one.capitalize())})


@dataclass(frozen=True)
class Cells:
    """What stands in some lines.

    Parameters
    ----------
    values : ndarray of shape (n, numbers), float64
        NaN where a cell is not a finite number.
    texts : tuple of list of str
        The text columns, each of length n.
    lost : list of int
        Lines that are not a reading: of another width, or the header again.
    complaint : tuple of int and str, or None
        The first line that is not as expected, and what is wrong with it.
    """

    values: FloatArray
    texts: tuple[list[str], ...]
    lost: list[int] = field(default_factory=list)
    complaint: tuple[int, str] | None = None


class CsvLines:
    """Reads some columns of lines whose format is known.

    A bad cell costs its value, a line of the wrong width the whole reading.

    Parameters
    ----------
    form : CsvFormat
    numbers, texts : sequence of str
        Columns to read as numbers, and as they are.
    fast : bool
        Whether to let polars read, which must be installed.

    Examples
    --------
    >>> from edge_runtime.tables.csv_format import sniff_csv
    >>> lines = CsvLines(sniff_csv(["time,flow,heat"], "pump.csv"), ["heat", "flow"], ["time"])
    >>> cells = lines.read(["1,2.5,30", "2,wet,-", "3,4"])
    >>> cells.values.tolist(), cells.texts, cells.lost
    ([[30.0, 2.5], [nan, nan]], (['1', '2'],), [2])
    >>> cells.complaint
    (1, "column 'flow': expected a number. Received: 'wet'")
    """

    def __init__(
        self, form: CsvFormat, numbers: Sequence[str], texts: Sequence[str] = (), *, fast: bool = False
    ) -> None:
        names = form.header.names
        self._fast = fast
        self._form, self._separator, self._names = form, form.separator, names
        self._numbers = [names.index(name) for name in numbers]
        self._texts = [names.index(name) for name in texts]

    def read(self, lines: list[str]) -> Cells:
        """Return what stands in some lines, at least one, none of them blank."""
        if self._fast:
            from edge_runtime.tables.fast_csv import fast_cells

            found = fast_cells(lines, self._form, self._numbers, self._texts, _NO_VALUES)
            if found is not None:
                return Cells(*found)
        # Of a comma beside another separator nothing but a decimal comma can be meant.
        plain = lines if self._separator == "," else [line.replace(",", ".") for line in lines]
        try:
            values = np.loadtxt(
                plain, delimiter=self._separator, usecols=self._numbers, comments=None, quotechar='"', ndmin=2
            )
        except ValueError:
            return self._one_by_one(lines)
        # A quote left open swallows the lines after it, and a line with more or fewer cells has them displaced.
        width, separator = len(self._names) - 1, self._separator
        if len(values) != len(lines) or {line.count(separator) for line in lines} != {width}:
            return self._one_by_one(lines)
        return Cells(values, self._all_texts(lines))

    def _all_texts(self, lines: list[str]) -> tuple[list[str], ...]:
        if not self._texts:
            return ()
        last = max(self._texts)
        # csv.reader on every line would take three times as long as the numbers do; it is for quotes only.
        separator, split = self._separator, self._form.split
        rows = [split(line) if '"' in line else line.split(separator, last + 1) for line in lines]
        return tuple([cells[column] for cells in rows] for column in self._texts)

    def _one_by_one(self, lines: list[str]) -> Cells:
        rows: list[list[str]] = []
        lost: list[int] = []
        values: list[list[float]] = []
        complaint: tuple[int, str] | None = None
        for number, line in enumerate(lines):
            cells = self._cells(line)
            if cells is None or self._is_header(cells):
                lost.append(number)
                if cells is None and complaint is None:
                    complaint = number, f"expected {len(self._names)} columns. Received: {line!r:.80}"
                continue
            rows.append(cells)
            values.append([self._number(cells[column]) for column in self._numbers])
            if complaint is None:
                complaint = self._bad_cell(number, cells, values[-1])
        texts = tuple([cells[column] for cells in rows] for column in self._texts)
        return Cells(np.array(values, np.float64).reshape(-1, len(self._numbers)), texts, lost, complaint)

    def _cells(self, line: str) -> list[str] | None:
        """Return the cells of a line; None where there are too few, or more that are not empty."""
        try:
            cells = next(csv.reader([line], delimiter=self._separator), [])
        except csv.Error:
            return None
        width = len(self._names)
        return cells[:width] if len(cells) >= width and not any(cells[width:]) else None

    def _is_header(self, cells: list[str]) -> bool:
        # A logger that starts again writes its header again: that is not a reading without values.
        return all(cells[column].strip() == self._names[column] for column in self._numbers)

    def _number(self, cell: str) -> float:
        # Python reads 1_000 as a number; a sensor that sends it is broken.
        if "_" in cell:
            return float("nan")
        try:
            return float(cell if self._separator == "," else cell.replace(",", "."))
        except ValueError:
            return float("nan")

    def _bad_cell(self, number: int, cells: list[str], values: list[float]) -> tuple[int, str] | None:
        for column, value in zip(self._numbers, values, strict=True):
            if value != value and cells[column].strip().lower() not in NO_VALUE:  # noqa: PLR0124 - NaN is unlike itself
                return number, f"column {self._names[column]!r}: expected a number. Received: {cells[column]!r:.80}"
        return None
