"""A FIFO or a device that lines are written to: neither has a size to rotate at, and opening may take for ever."""

from __future__ import annotations

import io
import stat
from contextlib import suppress
from pathlib import Path

from edge_runtime.sinks.rotated_file import write_all


def is_special(path: Path) -> bool:
    """Return whether a path leads to something other than a regular file."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


class SpecialFile:
    """Appends whole lines to a FIFO or a device.

    It is opened with the first line, in the sink's own thread: a FIFO without a reader makes that wait, and nothing
    else. Where the reader goes, the next line opens it again.

    Parameters
    ----------
    path : Path
    header : bytes
        First line for each reader.
    """

    def __init__(self, path: Path, header: bytes) -> None:
        self._path, self._header = path, header
        self._file: io.FileIO | None = None

    def write(self, content: bytes) -> None:
        """Append lines.

        Raises
        ------
        OSError
            If they could not be written.
        """
        try:
            if self._file is None:
                self._file = io.FileIO(self._path, "w")
                content = self._header + content
            write_all(self._file, content)
        except OSError:
            self.close()
            raise

    def sync(self) -> None:
        """Do nothing: what is written is with its reader."""

    def close(self) -> None:
        """Close it."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):
                file.close()
