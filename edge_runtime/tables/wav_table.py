"""WAV files as tables: one row per sample, one sensor per channel."""

from __future__ import annotations

import wave
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import RecordingError
from edge_runtime.tables.table import Block, Header, Table

_BLOCK_ROWS = 65_536
_CHANNELS = {1: ("sound",), 2: ("left", "right")}


class WavTable(Table):
    """PCM sound of 8, 16, 24 or 32 bits as values from -1 to 1.

    Channels are called ``sound``, or ``left`` and ``right``, or ``channel0`` ….

    Raises
    ------
    RecordingError
        If the file is damaged or not PCM.
    """

    def __init__(self, path: str | Path) -> None:
        self.name = str(path)
        try:
            self._file = wave.open(str(path), "rb")  # noqa: SIM115 - close() closes it
        except (wave.Error, EOFError, OSError) as error:
            raise self._unreadable(error) from error
        channels = self._file.getnchannels()
        self.header = Header(_CHANNELS.get(channels, tuple(f"channel{number}" for number in range(channels))))
        self.period_s = 1.0 / self._file.getframerate()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def blocks(self, names: Sequence[str], texts: Sequence[str] = ()) -> Iterator[Block]:
        """Yield the rows; see `Table.blocks`."""
        positions = self.columns(names)
        self.columns(texts)
        self._file.rewind()
        while data := self._read():
            yield Block(_samples(data, self._file.getsampwidth(), len(self.header.names))[:, positions])

    def _read(self) -> bytes:
        try:
            data = self._file.readframes(_BLOCK_ROWS)
        except (wave.Error, EOFError, OSError) as error:
            raise self._unreadable(error) from error
        # A recorder that lost power leaves half a sample.
        whole = self._file.getsampwidth() * len(self.header.names)
        return data[: len(data) - len(data) % whole]

    def _unreadable(self, error: Exception) -> RecordingError:
        return RecordingError(
            f"cannot read {self.name}: {str(error) or 'it is truncated'}. Expected a WAV file of PCM samples; "
            "write other sound formats as 16-bit PCM."
        )


def _samples(data: bytes, width: int, channels: int) -> FloatArray:
    """Return samples of shape (n, channels) from -1 to 1."""
    if width == 1:
        # 8-bit WAV is unsigned, all wider samples are signed.
        whole = np.frombuffer(data, np.uint8).astype(np.float64) - 128.0
    elif width == 3:
        padded = np.zeros((len(data) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        whole = padded.view("<i4").ravel() / 256.0
    else:
        whole = np.frombuffer(data, f"<i{width}").astype(np.float64)
    samples: FloatArray = (whole / 2.0 ** (8 * width - 1)).reshape(-1, channels)
    return samples
