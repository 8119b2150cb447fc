"""Which line each table and key of a TOML document stands in: the parsers give none."""

from __future__ import annotations

import re
from bisect import bisect

Keys = tuple[str, ...]
_BLANK = re.compile(r"(?:\s|#[^\n]*)*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|'[^']*'""")
_DOT = re.compile(r"[ \t]*\.[ \t]*")
_HEADER_END = re.compile(r"[ \t]*\]\]?")
# The longest first. A multi-line text may end with up to two quotes of its own before the three that close it.
_SCALAR = re.compile(
    r'''"""(?:\\.|[^\\])*?"""(?!")|\'\'\'.*?\'\'\'(?!\')|"(?:\\.|[^"\\])*"|'[^']*'|[^,\]}#\n]+''', re.DOTALL
)


def key_lines(text: str) -> dict[Keys, int]:
    r"""Return the line, counted from 1, of each table and key, by its path.

    Parameters
    ----------
    text : str
        A valid TOML document: whoever calls this has parsed it.

    Examples
    --------
    >>> key_lines("[machine.pump]\nsource = 'host'\n\nsink = 'csv:a'")[("machine", "pump", "sink")]
    4
    """
    return _Scan(text).lines


class _Scan:
    """Walks through a document once."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._starts = [match.end() for match in re.finditer("\n", text)]
        self.lines: dict[Keys, int] = {}
        table: Keys = ()
        while not self._ends():
            if self._take("["):
                self._take("[")
                table = self._key(())
                self._skip(_HEADER_END)
            else:
                self._pair(table)

    def _pair(self, table: Keys) -> None:
        path = self._key(table)
        self._skip(_BLANK)
        self._take("=")
        self._value(path)

    def _key(self, table: Keys) -> Keys:
        """Pass over a dotted key; note the line of each of its parts that is new."""
        path = table
        while True:
            self._skip(_BLANK)
            path = (*path, _unquoted(self._skip(_KEY)))
            self.lines.setdefault(path, bisect(self._starts, self._at) + 1)
            if not self._skip(_DOT):
                return path

    def _value(self, path: Keys) -> None:
        self._skip(_BLANK)
        if self._take("["):
            self._items("]", path)
        elif self._take("{"):
            self._items("}", path)
        else:
            self._skip(_SCALAR)

    def _items(self, end: str, path: Keys) -> None:
        while not self._ends() and not self._take(end):
            if self._take(","):
                continue
            if end == "}":
                self._pair(path)
            else:
                self._value(path)

    def _ends(self) -> bool:
        """Pass over spaces, line ends and comments; return whether the document is over."""
        self._skip(_BLANK)
        return self._at == len(self._text)

    def _skip(self, pattern: re.Pattern[str]) -> str | None:
        match = pattern.match(self._text, self._at)
        if match is None:
            return None
        self._at = match.end()
        return match[0]

    def _take(self, character: str) -> bool:
        found = self._text.startswith(character, self._at)
        self._at += found
        return found


def _unquoted(key: str | None) -> str:
    if not key:
        raise ValueError("expected a key")
    if key[0] == "'":
        return key[1:-1]
    return key if key[0] != '"' else re.sub(r'\\(["\\])', r"\1", key[1:-1])
