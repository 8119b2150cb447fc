"""Secrets come from the environment or a file: every process list shows a command line."""

from __future__ import annotations

import os
from pathlib import Path

from edge_runtime.errors import UsageError

_LARGEST = 100_000


def secret(name: str) -> str | None:
    """Return the environment variable `name`, or the content of the file that ``NAME_FILE`` names; None without either.

    Raises
    ------
    UsageError
        If the file cannot be read.
    """
    path = os.environ.get(f"{name}_FILE")
    if not path:
        return os.environ.get(name) or None
    try:
        with Path(path).open(encoding="utf-8") as file:
            return file.read(_LARGEST).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {name}_FILE={path}: {error}. Expected a file that holds the secret.") from error
