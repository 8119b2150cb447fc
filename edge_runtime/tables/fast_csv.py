"""Plain CSV files read by polars, where it is installed: ten times as fast as line by line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.tables.csv_format import CsvFormat
from edge_runtime.tables.csv_lines import NO_VALUE
from edge_runtime.tables.table import Block

_BLOCK_ROWS = 65_536


def fast_blocks(path: Path, form: CsvFormat, names: Sequence[str], texts: Sequence[str]) -> Iterator[Block]:
    """Yield blocks of a file's rows, up to the first block with a line that is not plain: `CsvLines` reads that one."""
    import polars as pl

    try:
        for batch in _scan(path, form, names, texts).collect_batches(chunk_size=_BLOCK_ROWS, maintain_order=True):
            # polars fills short and blank lines with nulls, so the last column shows whether a line was complete.
            if batch[form.header.names[-1]].has_nulls():
                return
            words = tuple(batch[name].cast(pl.String).fill_null("").to_list() for name in texts)
            yield Block(np.asarray(batch.select(names).to_numpy(), np.float64), words)
    except pl.exceptions.PolarsError:
        return


def _scan(path: Path, form: CsvFormat, names: Sequence[str], texts: Sequence[str]) -> Any:
    import polars as pl

    header = form.header.names
    wanted = dict.fromkeys([*names, *texts, header[-1]])
    return pl.scan_csv(
        path,
        separator=form.separator,
        decimal_comma=form.decimal_comma,
        schema={name: pl.Float64 if name in names else pl.String for name in header},
        null_values=sorted({word for one in NO_VALUE for word in (one, one.upper(), one.capitalize())}),
        low_memory=True,
    ).select(list(wanted))
