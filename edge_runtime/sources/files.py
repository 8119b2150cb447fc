"""Text streams: files, standard input, pipes, anything with lines."""

from __future__ import annotations

import gzip
import math
import os
import select
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from typing import IO, Protocol, cast

from edge_runtime.errors import RecordingError
from edge_runtime.signal.readings import Readings, no_readings
from edge_runtime.tables.lines import LineSplitter

_CHUNK = 1 << 18
_PIPE_PATIENCE_S = 1.0
_GZIP_MAGIC = b"\x1f\x8b"


class Decoder(Protocol):
    """Turns complete lines into readings."""

    def decode(self, lines: list[str]) -> Readings:
        """Return the readings of some lines."""


class TextSource:
    """Readings from the lines of a file, or of standard input.

    It takes the available lines without waiting for more, so a live sensor is not delayed and a fast pipe arrives in
    blocks of thousands.

    Parameters
    ----------
    path : str
        File, plain or gzip, or ``-`` for standard input.
    decoder : Decoder
    sensors : int

    Raises
    ------
    RecordingError
        If the file cannot be opened.
    """

    def __init__(self, path: str, decoder: Decoder, sensors: int) -> None:
        self.name = "standard input" if path == "-" else path
        self._decoder, self._sensors = decoder, sensors
        self._splitter = LineSplitter()
        # Whether the last line may be complete without a line end: a regular file's is, a pipe's may be cut off.
        self._whole = path != "-" and Path(path).is_file()
        # The writer of a pipe can wait too, but it may be a live sensor.
        self.is_live = not self._whole
        self.patience_s = math.inf if self._whole else _PIPE_PATIENCE_S
        self._file: IO[bytes] = sys.stdin.buffer if path == "-" else _open(path)
        self._ended = False

    def poll(self, timeout_s: float) -> Readings | None:
        """See `Source.poll`."""
        if self._ended:
            return None
        if not self._whole and not select.select([self._file], [], [], timeout_s)[0]:
            return no_readings(self._sensors)
        chunk = self._read()
        self._ended = not chunk
        lines = self._splitter.feed(chunk) if chunk else self._splitter.end(complete=self._whole)
        readings = self._decoder.decode(lines) if lines else no_readings(self._sensors)
        lost, self._splitter.lost = self._splitter.lost, 0
        return replace(readings, lost=readings.lost + lost)

    def _read(self) -> bytes:
        try:
            if self._whole:
                return self._file.read(_CHUNK)
            # Bypasses the buffered reader: select would not see what that holds back.
            return os.read(self._file.fileno(), _CHUNK)
        except (OSError, EOFError, zlib.error) as error:
            raise RecordingError(f"cannot read {self.name} any further: {error}. Fix or replace it.") from error

    def stop(self) -> None:
        """See `Source.stop`; every complete line that was read has been returned."""
        self._ended = True

    def close(self) -> None:
        """See `Source.close`."""
        if self._file is not sys.stdin.buffer:
            self._file.close()


def _open(path: str) -> IO[bytes]:
    try:
        if Path(path).is_file():
            with Path(path).open("rb") as file:
                compressed = file.read(2) == _GZIP_MAGIC
            return cast(IO[bytes], gzip.open(path, "rb")) if compressed else Path(path).open("rb")
        return Path(path).open("rb", buffering=0)
    except FileNotFoundError as error:
        raise RecordingError(f"no such file: {path}. Expected readings, one per line.") from error
    except OSError as error:
        raise RecordingError(f"cannot read {path}: {error.strerror}.") from error
