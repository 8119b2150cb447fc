"""A file of readings as a source: what `saelite score` reads, `saelite run` reads the same way."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from edge_runtime.errors import RecordingError
from edge_runtime.signal.readings import Readings
from edge_runtime.tables.table import Table
from edge_runtime.tables.table_readings import check_sensors, table_readings


class TableSource:
    """Readings from the rows of an open table.

    Parameters
    ----------
    table : Table
    sensors : sequence of str
        The model's.
    tell : callable
        Told once what is wrong with the first cell or line that is not as expected.

    Raises
    ------
    RecordingError
        If the table lacks a sensor.
    """

    is_live = False
    patience_s = math.inf

    def __init__(self, table: Table, sensors: Sequence[str], tell: Callable[[str], None]) -> None:
        self.name = table.name
        try:
            check_sensors(table, sensors)
        except RecordingError:
            table.close()
            raise
        self._table, self._tell, self._told = table, tell, False
        self._blocks = table_readings(table, sensors, complain=self._complain)

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

    def _complain(self, text: str) -> None:
        if not self._told:
            self._told = True
            self._tell(text)
