"""A page's own files, read once: nothing else of the disk can be asked for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "assets"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}


@dataclass(frozen=True)
class PageFile:
    """One file.

    Parameters
    ----------
    content : bytes
    kind : str
        Its media type.
    tag : str
        Changes with the content.
    """

    content: bytes
    kind: str
    tag: str


@cache
def page_files(own: Path = FOLDER) -> dict[str, PageFile]:
    """Return every file of a page by its name.

    Parameters
    ----------
    own : Path
        A folder whose files are added to those that pages share, and stand in place of those of the same name. By
        default the page of a machine.
    """
    folders = dict.fromkeys((FOLDER, own))
    return {path.name: _read(path) for folder in folders for path in sorted(folder.iterdir()) if path.suffix in _TYPES}


def _read(path: Path) -> PageFile:
    content = path.read_bytes()
    return PageFile(content, _TYPES[path.suffix], f'"{hashlib.sha256(content).hexdigest()[:16]}"')
