"""The epochs of a training, from its run folder."""

from __future__ import annotations

import csv
from pathlib import Path

from benchmarks.report.model import Epoch
from edge_runtime.errors import ModelFileError

_CURVES = ("loss", "validation_loss", "penalty", "mean_activation")


def history(path: Path) -> tuple[Epoch, ...]:
    """Return the epochs of a run folder's ``history.csv``.

    Raises
    ------
    ModelFileError
        If it cannot be read.
    """
    try:
        with path.open(newline="") as file:
            return tuple(
                Epoch(int(row["epoch"]), *(float(row[name]) for name in _CURVES)) for row in csv.DictReader(file)
            )
    except (OSError, KeyError, ValueError) as error:
        raise ModelFileError(f"{path} cannot be read ({error}). Train it again.") from error
