"""A file of readings as a source: what `saelite score` reads, `saelite run` reads the same way."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from edge_runtime.errors import RecordingError
from edge_runtime.signal.readings import Readings
from edge_runtime.tables.table import Table
from edge_runtime.tables.table_readings import ReadingsBlock, check_sensors, table_readings


class TableSource:
    """Readings from the rows of an open table.

    Parameters
    ----------
    table : Table
    sensors : sequence of str
        The model's.

    Raises
    ------
    RecordingError
        If the table lacks a sensor.
    """

    is_live = False
    patience_s = math.inf

    def __init__(self, table: Table, sensors: Sequence[str]) -> None:
        self.name = table.name
        try:
            check_sensors(table, sensors)
        except RecordingError:
            table.close()
            raise
        self._table = table
        self._blocks: Iterator[ReadingsBlock] = table_readings(table, sensors)

    def place(self, number: int) -> str:
        """Return where a reading stands, for messages."""
        return f"{self.name}, {self._table.place(number)}"

    def poll(self, timeout_s: float) -> Readings | None:  # noqa: ARG002 - a file has no need to be waited for
        """See `Source.poll`."""
        block = next(self._blocks, None)
        return None if block is None else block.readings

    def stop(self) -> None:
        """See `Source.stop`."""
        self._blocks = iter(())

    def close(self) -> None:
        """See `Source.close`."""
        self._table.close()
