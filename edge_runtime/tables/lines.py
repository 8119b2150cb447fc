"""Bytes into lines, whatever comes: half lines, endless lines, binary noise."""

from __future__ import annotations

LONGEST_LINE = 65_536
"""A longer line is not a reading: it is dropped as it arrives, so that memory stays bounded."""


class LineSplitter:
    r"""Puts chunks of bytes together into lines.

    Attributes
    ----------
    lost : int
        Lines dropped since it was last set to zero.

    Examples
    --------
    >>> splitter = LineSplitter()
    >>> splitter.feed(b"1,2\n3,"), splitter.feed(b"4\r\n")
    (['1,2'], ['3,4'])
    """

    def __init__(self) -> None:
        self.lost = 0
        self._rest = b""
        self._dropping = False

    def feed(self, chunk: bytes) -> list[str]:
        """Return the lines that end in this chunk, without their ends and without empty ones."""
        *complete, self._rest = (self._rest + chunk).split(b"\n")
        if complete and self._dropping:
            del complete[0]
            self._dropping = False
        if len(self._rest) > LONGEST_LINE:
            self.lost += not self._dropping
            self._dropping, self._rest = True, b""
        if self._dropping:
            self._rest = b""
        if not complete:
            return []
        text = b"\n".join(complete).decode("utf-8", "replace").replace("\r", "")
        lines = [line for line in text.split("\n") if line and not line.isspace()]
        if len(text) <= LONGEST_LINE:
            return lines
        short = [line for line in lines if len(line) <= LONGEST_LINE]
        self.lost += len(lines) - len(short)
        return short

    def end(self, *, complete: bool) -> list[str]:
        """Return the last line, which has no end.

        Parameters
        ----------
        complete : bool
            Whether the text is known to be whole, as a file's is. Half a line of a broken connection looks
            like a reading with a wrong number, so it counts as lost.
        """
        rest, self._rest, self._dropping = self._rest, b"", False
        if not rest.strip():
            return []
        if complete:
            return [rest.decode("utf-8", "replace").replace("\r", "")]
        self.lost += 1
        return []
