"""What every file of readings looks like once it is open: named columns, rows that come block by block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from edge_runtime.arrays import FloatArray, Times
from edge_runtime.errors import RecordingError
from edge_runtime.tables.time_text import NUMBER, kind_of, seconds

TIME_NAMES = frozenset({"time", "timestamp", "datetime", "date", "ts", "date_time", "time_s"})
# Columns that say what happened rather than what was measured: kept out of the sensors unless asked for by name.
LABEL_NAMES = ("anomaly", "is_anomaly", "label", "attack")
_NORMAL_LABELS = frozenset({"", "0", "0.0", "false", "normal", "no", "ok"})
ANNOTATION_NAMES = frozenset({*LABEL_NAMES, "changepoint", "fault"})


@dataclass(frozen=True)
class Header:
    """Column names, and what they mean.

    Parameters
    ----------
    names : tuple of str

    Examples
    --------
    >>> header = Header(("time", "flow", "anomaly"))
    >>> header.candidates, header.time_column, header.label_column
    (('flow',), 'time', 'anomaly')
    """

    names: tuple[str, ...]

    @property
    def time_column(self) -> str | None:
        """The column that holds the time, if any."""
        return next((name for name in self.names if name.lower() in TIME_NAMES), None)

    @property
    def label_column(self) -> str | None:
        """The column that looks like the label, if any."""
        return next((name for name in self.names if name.lower() in LABEL_NAMES), None)

    @property
    def annotations(self) -> tuple[str, ...]:
        """Columns that describe the rows and are not sensors."""
        # A column without a name is the index that data frames write.
        return tuple(name for name in self.names if not name or name.lower() in ANNOTATION_NAMES)

    @property
    def candidates(self) -> tuple[str, ...]:
        """Columns that may be sensors."""
        return tuple(name for name in self.names if name != self.time_column and name not in self.annotations)


@dataclass(frozen=True)
class Block:
    """Some consecutive rows.

    Parameters
    ----------
    values : ndarray of shape (n, columns), float64, or float32 where the file has no more digits
        NaN where a cell is empty, or not a number.
    texts : tuple of list of str
        The text columns asked for, each of length n.
    lost : int
        Lines between them that are not a row.
    complaint : str
        What is wrong with the first cell or line that is not as expected; empty where all are.
    """

    values: FloatArray
    texts: tuple[list[str], ...] = ()
    lost: int = 0
    complaint: str = ""


class Table(ABC):
    """A file of readings, open.

    Attributes
    ----------
    name : str
        For messages.
    header : Header
    period_s : float or None
        Seconds between two rows, where the file itself says so.
    """

    name: str
    header: Header
    period_s: float | None = None

    @abstractmethod
    def blocks(self, names: Sequence[str], texts: Sequence[str] = ()) -> Iterator[Block]:
        """Yield the rows of some number columns, and of some text columns beside them.

        Raises
        ------
        RecordingError
            If a column is not there, or is not numbers.
        """

    def timed(self, names: Sequence[str], time: str, texts: Sequence[str] = ()) -> Iterator[tuple[Times, Block]]:
        """Yield what `blocks` does, and the time of each row in seconds, as `time_text.seconds` reads its text.

        Parameters
        ----------
        time : str
            Column with the time.
        """
        for block in self.blocks(names, [time, *texts]):
            yield seconds(block.texts[0]), replace(block, texts=block.texts[1:])

    def time_kind(self, time: str) -> str:
        """Return what a column of times holds, of `time_text.KINDS`, as its first one says."""
        for block in self.blocks(self.header.candidates[:1], [time]):
            written = next((text for text in block.texts[0] if text.strip()), None)
            if written is not None:
                return kind_of(written)
        return NUMBER

    def place(self, row: int) -> str:
        """Return where a row stands, for messages: a text file's line, else the row."""
        return f"row {row} (counted from 0)"

    def close(self) -> None:  # noqa: B027 - most files need no closing
        """Close the file."""

    def columns(self, names: Sequence[str]) -> list[int]:
        """Return the positions of columns.

        Raises
        ------
        RecordingError
            If one is not there.
        """
        there = {name: position for position, name in enumerate(self.header.names)}
        missing = [name for name in names if name not in there]
        if missing:
            raise RecordingError(f"{self.name} has no column {', '.join(missing)}. Columns there: {', '.join(there)}.")
        return [there[name] for name in names]

    def __enter__(self) -> Table:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def is_anomalous(label: str) -> bool:
    """Return whether a label cell means an anomaly: anything but empty, 0, false, normal, no, ok."""
    return label.strip().lower() not in _NORMAL_LABELS
