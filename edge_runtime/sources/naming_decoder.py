"""Lines of CSV whose columns have no names in advance."""

from __future__ import annotations

from edge_runtime.signal.readings import Readings, no_readings
from edge_runtime.sources.sensor_names import SensorNames, is_number
from edge_runtime.tables.csv_decoder import CsvDecoder
from edge_runtime.tables.csv_format import SEPARATORS, sniff_csv

_SNIFF_LINES = 20


class NamingDecoder:
    """Keeps lines back until they tell the sensors' names, then decodes them.

    Parameters
    ----------
    names : SensorNames
        Filled when they are known.
    source : str
        Name of the source, for messages.
    header : bool
        Whether a header comes first. Without one the cells of the first line of numbers are numbered.

    Examples
    --------
    >>> names = SensorNames()
    >>> NamingDecoder(names, "port", header=False).decode(["boot", "1;2,5"]).values, names
    (array([[1. , 2.5]]), ['sensor0', 'sensor1'])
    """

    def __init__(self, names: SensorNames, source: str, *, header: bool = True) -> None:
        self._names, self._source, self._header = names, source, header
        self._waiting: list[str] = []
        self._decoder: CsvDecoder | None = None

    def decode(self, lines: list[str]) -> Readings:
        """Return the readings of some lines; none before the names are known.

        Raises
        ------
        RecordingError
            If the header is not a header.
        """
        if self._decoder is not None:
            return self._decoder.decode(lines)
        self._waiting += lines
        self._find()
        if not self._names:
            lost = max(0, len(self._waiting) - _SNIFF_LINES)
            del self._waiting[:lost]
            return no_readings(0, lost)
        self._decoder = CsvDecoder(self._names, self._source, header=self._header)
        return self._decoder.decode(self._waiting)

    def _find(self) -> None:
        if not self._header:
            self._names.find_in(next(filter(None, map(_numbers, self._waiting)), ()))
        elif len(self._waiting) > 1:
            # What a column holds, and the separator of a header of one name, shows in the first reading.
            form = sniff_csv(self._waiting[:_SNIFF_LINES], self._source)
            cells = dict(zip(form.header.names, form.split(self._waiting[1]), strict=False))
            candidates = form.header.candidates
            self._names += [name for name in candidates if _is_cell(cells.get(name, ""))]


def _numbers(line: str) -> list[str]:
    """Return the cells of a line of numbers; none of another."""
    cells = next((line.split(mark) for mark in SEPARATORS[::-1] if mark in line), [line])
    return cells if all(is_number(cell.replace(",", ".")) for cell in cells) else []


def _is_cell(cell: str) -> bool:
    return not cell.strip() or is_number(cell.replace(",", "."))
