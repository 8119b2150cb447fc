"""Lines of CSV as they come, with or without a header, into readings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_runtime.errors import InputShapeError
from edge_runtime.signal.readings import Readings, no_readings
from edge_runtime.tables.csv_format import SEPARATORS, CsvFormat, sniff_csv
from edge_runtime.tables.csv_lines import CsvLines
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
        self._lines: CsvLines | None = None
        self._head: list[str] = []
        self._header = header

    def decode(self, lines: list[str]) -> Readings:
        """Return the readings of some complete lines.

        Raises
        ------
        RecordingError
            If the first line is not a header, or lacks a sensor of the model.
        """
        if self._lines is None:
            if not self._header:
                return self._begin_without_header(lines)
            # The separator shows in the first reading, if not in the header.
            self._head += lines
            if len(self._head) < 2:
                return no_readings(len(self._sensors))
            lines, self._head = self._begin(self._head), []
        return self._readings(lines)

    def _begin(self, lines: list[str]) -> list[str]:
        self._use(sniff_csv(lines[:_SNIFF_LINES], self._name))
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
        time_column = form.header.time_column
        self._is_timed = time_column is not None and time_column not in self._sensors
        self._lines = CsvLines(form, self._sensors, [time_column] if time_column and self._is_timed else [])

    def _readings(self, lines: list[str]) -> Readings:
        if self._lines is None or not lines:
            return no_readings(len(self._sensors))
        cells = self._lines.read(lines)
        times = seconds(cells.texts[0]) if self._is_timed and len(cells.values) else np.full(len(cells.values), np.nan)
        # Of lines without a header the first, and any that a port drops a part of, are to be expected.
        complaint = f"{self._name}: {cells.complaint[1]}" if cells.complaint and self._header else ""
        return Readings(times, cells.values, len(cells.lost), complaint)
