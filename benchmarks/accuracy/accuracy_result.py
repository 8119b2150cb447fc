"""The results of a protocol, as printed tables and as figures for JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.learnt_detector import Learnt
from benchmarks.accuracy.real_path import DEFAULTS
from benchmarks.json_file import lines_of
from edge_runtime.common.atomic import write_atomically
from edge_runtime.model_file.json_codec import to_json

SCHEMA = 3
Rows = list[tuple[str, ...]]


@dataclass(frozen=True)
class Accuracy:
    """Figures of one collection.

    Parameters
    ----------
    collection : str
    is_whole : bool or None
        Whether the whole collection was given; None if unknown.
    tables : tuple of (title, rows)
        The first row holds the headings.
    figures : tuple of dataclass
        One per recording, method and seed.
    summary : tuple of dataclass
        Over all of them.
    learnt : Learnt
    """

    collection: str
    is_whole: bool | None
    tables: tuple[tuple[str, Rows], ...]
    figures: tuple[Any, ...]
    summary: tuple[Any, ...]
    learnt: Learnt

    def write(self, path: Path) -> None:
        """Write JSON atomically.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        record = {
            "schema": SCHEMA,
            "collection": self.collection,
            "is_whole": self.is_whole,
            "recipe": to_json(DEFAULTS),
            "choices": to_json(self.learnt.choices),
            "troubles": list(self.learnt.troubles),
            "tables": [{"title": title, "rows": rows} for title, rows in self.tables],
            "summary": to_json(self.summary),
            "figures": to_json(self.figures),
        }
        write_atomically(path, lines_of(record).encode())


def mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of the values that are not None; None if there are none."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def percent(rate: float | None) -> str:
    """Return a rate as text; an empty string for None."""
    return "" if rate is None else f"{rate:.1%}"


def digits(value: float | None) -> str:
    """Return a figure as text; an empty string for None."""
    return "" if value is None else f"{value:.4f}"


def spread(values: Iterable[float | None], form: str = ".4f") -> str:
    """Return mean and standard deviation over seeds as text; an empty string if there are none.

    >>> spread([0.5, 0.7], ".2f"), spread([0.5], ".2f"), spread([None])
    ('0.60 ± 0.10', '0.50', '')
    """
    known = [value for value in values if value is not None]
    if not known:
        return ""
    middle = f"{np.mean(known):{form}}"
    return middle if len(known) == 1 else f"{middle} ± {np.std(known):{form}}"
