"""A data frame as a Parquet file."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.common.atomic import write_atomically

if TYPE_CHECKING:
    import polars as pl


def write_frame(frame: pl.DataFrame, path: Path) -> None:
    """Write a table as Parquet, in full or not at all.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    write_atomically(path, frame_bytes(frame))


def frame_bytes(frame: pl.DataFrame) -> bytes:
    """Return a table as the content of a Parquet file."""
    content = io.BytesIO()
    frame.write_parquet(content)
    return content.getvalue()
