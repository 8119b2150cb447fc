"""Lines of CSV into readings: in bulk where they are clean, cell by cell where they are not."""

from __future__ import annotations

import csv
from collections.abc import Sequence

import numpy as np

from edge_runtime.arrays import Times
from edge_runtime.errors import InputShapeError, RecordingError
from edge_runtime.sources.source import Readings, no_readings, number
from edge_runtime.tables.csv_format import SEPARATORS, CsvFormat, sniff_csv
from edge_runtime.tables.table import Header
from edge_runtime.tables.time_text import seconds

_SNIFF_LINES = 20


class CsvDecoder:
    """Turns lines into readings in the model's order of sensors.

    Parameters
    ----------
    sensors : sequence of str
        The model's sensors.
    name : str
        Of the source, for messages.
    header : bool
        Whether a header must come first. Without one, as from a microcontroller, a line is a reading when it
        has one cell per sensor, in the model's order.
    """

    def __init__(self, sensors: Sequence[str], name: str, *, header: bool = True) -> None:
        self._sensors, self._name = tuple(sensors), name
        self._format: CsvFormat | None = None
        self._head: list[str] = []
        self._header = header

    def decode(self, lines: list[str]) -> Readings:
        """Return the readings of some complete lines.

        Raises
        ------
        RecordingError
            If the header is no header, or lacks a sensor of the model.
        """
        if self._format is None:
            if not self._header:
                return self._begin_without_header(lines)
            # The separator shows in the first reading, if not in the header.
            self._head += lines
            if len(self._head) < 2:
                return no_readings(len(self._sensors))
            lines, self._head = self._begin(self._head), []
        return self._readings(lines) if lines else no_readings(len(self._sensors))

    def _begin(self, lines: list[str]) -> list[str]:
        try:
            self._use(sniff_csv(lines[:_SNIFF_LINES], self._name))
        except csv.Error as error:
            raise RecordingError(f"{self._name} is no CSV ({error}). Expected a header with sensor names.") from error
        return lines[1:]

    def _begin_without_header(self, lines: list[str]) -> Readings:
        """Begin with the first line of the right width: before it comes what a port still held, or half a line."""
        more = len(self._sensors) - 1
        # The comma last: it may stand in numbers, as nothing tells where there is one sensor alone.
        separators = SEPARATORS[::-1] if more else ","
        for skipped, line in enumerate(lines):
            for separator in separators:
                if line.count(separator) == more:
                    self._use(CsvFormat(separator, separator != ",", Header(self._sensors)))
                    readings = self._readings(lines[skipped:])
                    return Readings(readings.times, readings.values, readings.lost + skipped)
        return no_readings(more + 1, lost=len(lines))

    def _use(self, form: CsvFormat) -> None:
        names = form.header.names
        missing = [name for name in self._sensors if name not in names]
        if missing:
            raise InputShapeError(
                f"{self._name} lacks {len(missing)} of the model's {len(self._sensors)} sensors: "
                f"{', '.join(missing)}. Columns there: {', '.join(names):.300}. "
                "Columns are found by name, in any order."
            )
        self._format = form
        self._separator = form.separator
        self._columns = [names.index(name) for name in self._sensors]
        time_column = form.header.time_column
        self._time = names.index(time_column) if time_column and time_column not in self._sensors else None
        self._width = len(names)

    def _readings(self, lines: list[str]) -> Readings:
        if self._separator != ",":
            # Whether numbers have a decimal comma, the first of them need not show.
            lines = [line.replace(",", ".") for line in lines]
        try:
            values = np.loadtxt(
                lines, delimiter=self._separator, usecols=self._columns, comments=None, quotechar='"', ndmin=2
            )
        except ValueError:
            return self._one_by_one(lines)
        # A quote left open swallows the lines after it, and a line with more or fewer cells has them displaced.
        separators = self._width - 1
        if len(values) != len(lines) or any(line.count(self._separator) != separators for line in lines):
            return self._one_by_one(lines)
        return Readings(self._times(lines), values)

    def _times(self, lines: list[str]) -> Times:
        if self._time is None:
            return np.full(len(lines), np.nan)
        position = self._time
        return seconds([line.split(self._separator, position + 1)[position].strip('"') for line in lines])

    def _one_by_one(self, lines: list[str]) -> Readings:
        """Keep what can be kept: a bad cell costs its value, a line of the wrong width the whole reading."""
        rows, times = [], []
        for line in lines:
            cells = self._cells(line)
            if len(cells) != self._width or self._is_header(cells):
                continue
            rows.append([number(cells[column]) for column in self._columns])
            times.append("" if self._time is None else cells[self._time])
        lost = len(lines) - len(rows)
        if not rows:
            return no_readings(len(self._sensors), lost)
        own = np.full(len(rows), np.nan) if self._time is None else seconds(times)
        return Readings(own, np.array(rows, np.float64), lost)

    def _cells(self, line: str) -> list[str]:
        try:
            return next(csv.reader([line], delimiter=self._separator), [])
        except csv.Error:
            return []

    def _is_header(self, cells: list[str]) -> bool:
        # A logger that starts anew writes its header again: that is no reading without values.
        return all(cells[column].strip() == name for column, name in zip(self._columns, self._sensors, strict=True))
