"""The rows of a table as readings, with the time each was made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from edge_runtime.arrays import Times
from edge_runtime.errors import RecordingError
from edge_runtime.signal.readings import Readings
from edge_runtime.tables.table import Block, Table


class ReadingsBlock(NamedTuple):
    """Consecutive rows.

    Parameters
    ----------
    first : int
        Number of the first row, counted from 0.
    readings : Readings
    time_texts : list of str
        Times as they are written; empty where there is no time column, or they were not asked for.
    texts : tuple of list of str
        The other text columns asked for.
    """

    first: int
    readings: Readings
    time_texts: list[str]
    texts: tuple[list[str], ...]

    def part(self, chosen: slice) -> ReadingsBlock:
        """Return some of the rows."""
        start, stop, _ = chosen.indices(len(self.readings))
        readings = self.readings
        if (start, stop) == (0, len(readings)):
            return self
        return ReadingsBlock(
            self.first + start,
            replace(readings, times=readings.times[start:stop], values=readings.values[start:stop]),
            self.time_texts[start:stop],
            tuple(column[start:stop] for column in self.texts),
        )


def has_time(table: Table) -> bool:
    """Return whether a table says when its rows were."""
    return table.header.time_column is not None or table.period_s is not None


def table_readings(
    table: Table,
    sensors: Sequence[str],
    texts: Sequence[str] = (),
    *,
    rows: slice = slice(None),
    written: bool = False,
) -> Iterator[ReadingsBlock]:
    """Yield the rows of a table, their times in seconds; NaN where the table does not say.

    Parameters
    ----------
    rows : slice
        Which rows, counted from 0; from the start to the stop without a step.
    written : bool
        Whether to give times as they are written, too.

    Raises
    ------
    RecordingError
        If the table lacks a sensor or cannot be read.
    """
    check_sensors(table, sensors)
    time_column = table.header.time_column
    if time_column in sensors:
        time_column = None
    first, stop = 0, rows.stop
    for times, block in _timed(
        table, sensors, time_column, [*([time_column] if written and time_column else []), *texts]
    ):
        time_texts = block.texts[0] if written and time_column else []
        readings = Readings(times, block.values, block.lost, block.complaint)
        found = ReadingsBlock(first, readings, time_texts, block.texts[len(block.texts) - len(texts) :])
        wanted = slice(max(0, (rows.start or 0) - first), None if stop is None else max(0, stop - first))
        first += len(block.values)
        if len((part := found.part(wanted)).readings) or block.lost:
            yield part
        if stop is not None and first >= stop:
            return


def check_sensors(table: Table, sensors: Sequence[str]) -> None:
    """Raise RecordingError if a table lacks one of a model's sensors."""
    missing = [name for name in sensors if name not in table.header.names]
    if missing:
        raise RecordingError(
            f"{table.name} lacks {len(missing)} of the model's {len(sensors)} sensors: {', '.join(missing)}. "
            f"Columns there: {', '.join(table.header.names):.300}. Columns are found by name, in any order."
        )


def _timed(
    table: Table, sensors: Sequence[str], time: str | None, texts: Sequence[str]
) -> Iterator[tuple[Times, Block]]:
    if time is not None:
        yield from table.timed(sensors, time, texts)
        return
    first = 0
    for block in table.blocks(sensors, texts):
        count = len(block.values)
        period_s = table.period_s
        yield np.full(count, np.nan) if period_s is None else np.arange(first, first + count) * period_s, block
        first += count
