"""A source's readings into a CSV recording."""

from __future__ import annotations

import csv
import gzip
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import IO

from edge_runtime.common.atomic import unwritable
from edge_runtime.sources.reading import Reading

_FLUSH_S = 1.0


def record_to_csv(source: Iterable[Reading], path: Path, duration_s: float | None = None) -> int:
    """Write readings until the duration is over, the source ends, or Ctrl-C; return how many.

    They go to ``<path>.part`` and are flushed every second, so that a crash loses no more than that; the
    file takes its final name at the end.

    Parameters
    ----------
    path : Path
        Ends in ``.gz`` for a compressed recording.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    path = Path(path)
    part = path.with_name(path.name + ".part")
    rows = 0
    try:
        with _open(part, compressed=path.suffix == ".gz") as file:
            try:
                for rows in _write(source, file, duration_s):  # noqa: B007 - the last count is the result
                    pass
            except KeyboardInterrupt:
                pass
        part.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    return rows


def _write(source: Iterable[Reading], file: IO[str], duration_s: float | None) -> Iterator[int]:
    writer = csv.writer(file, lineterminator="\n")
    started = flushed = time.monotonic()
    for number, reading in enumerate(source, 1):
        if number == 1:
            sensors = list(reading.values)
            writer.writerow(["time", *sensors])
        writer.writerow([timestamp(reading.time_s), *(_cell(reading.values.get(name)) for name in sensors)])
        yield number
        now = time.monotonic()
        if now - flushed >= _FLUSH_S:
            file.flush()
            flushed = now
        if duration_s is not None and now - started >= duration_s:
            return


def _cell(value: float | None) -> str:
    # A device may go while it is recorded, and take its sensor along.
    return "" if value is None else f"{value:.6g}"


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
