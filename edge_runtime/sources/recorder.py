"""Writing a source's readings to a CSV recording."""

from __future__ import annotations

import csv
import gzip
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import IO

from edge_runtime.common.atomic import unwritable
from edge_runtime.errors import RecordingError
from edge_runtime.sources.source import Source

_FLUSH_S, _POLL_S = 1.0, 0.2


@dataclass(frozen=True)
class Recorded:
    """What came of a recording.

    Parameters
    ----------
    rows : int
        Readings written.
    lost : int
        Lines or messages between them that were not readings.
    """

    rows: int = 0
    lost: int = 0


def record_to_csv(source: Source, names: Sequence[str], path: Path, duration_s: float | None = None) -> Recorded:
    """Write readings until the duration is over, the source ends, or Ctrl-C.

    They go to ``<path>.part`` and are flushed every second, so a crash loses no more than that; the
    file gets its final name at the end.

    Parameters
    ----------
    source : Source
    names : sequence of str
        The sensors, in the order of the source's values; `SensorNames` are known with the first reading.
    path : Path
        Ends in ``.gz`` for a compressed recording.
    duration_s : float, optional

    Raises
    ------
    OutputError
        If the file cannot be written.
    RecordingError
        If the source gave no reading.
    """
    part = path.with_name(path.name + ".part")
    recorded = Recorded()
    try:
        with _open(part, compressed=path.suffix == ".gz") as file, suppress(KeyboardInterrupt):
            for recorded in _write(source, names, file, duration_s):  # noqa: B007 - the last counts are the result
                pass
        if recorded.rows:
            part.replace(path)
        else:
            part.unlink()
    except OSError as error:
        raise unwritable(path, error) from error
    if not recorded.rows:
        raise RecordingError(
            f"{source.name} gave no reading. Expected one at least. Received: {recorded.lost} lines or messages that "
            "are not readings. Nothing was written."
        )
    return recorded


def _write(source: Source, names: Sequence[str], file: IO[str], duration_s: float | None) -> Iterator[Recorded]:
    """Write readings as they come; yield the counts so far."""
    writer = csv.writer(file, lineterminator="\n")
    rows = lost = 0
    started = flushed = time.monotonic()
    while (readings := source.poll(_POLL_S)) is not None:
        if not rows and len(readings):
            writer.writerow(["time", *names])
        now = time.monotonic()
        arrived_s = time.time()
        for time_s, values in zip(readings.times.tolist(), readings.values.tolist(), strict=True):
            writer.writerow([timestamp(arrived_s if math.isnan(time_s) else time_s), *map(_cell, values)])
        rows, lost = rows + len(readings), lost + readings.lost
        yield Recorded(rows, lost)
        if now - flushed >= _FLUSH_S:
            file.flush()
            flushed = now
        if duration_s is not None and now - started >= duration_s:
            return


def _cell(value: float) -> str:
    # A device may disappear during the recording, with its sensor.
    return "" if math.isnan(value) else f"{value:.9g}"


def timestamp(time_s: float) -> str:
    """Return seconds since the epoch as ISO 8601 in UTC, to the millisecond.

    >>> timestamp(0.25)
    '1970-01-01T00:00:00.250Z'
    """
    moment = datetime.fromtimestamp(time_s, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@contextmanager
def _open(path: Path, *, compressed: bool) -> Iterator[IO[str]]:
    opener = gzip.open if compressed else open
    with opener(path, "wt", encoding="utf-8", newline="") as file:
        yield file
