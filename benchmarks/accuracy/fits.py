"""Results of `fit_speed`: training time and detection of saelite and of PyOD's autoencoder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Fit:
    """One set learnt by both.

    Parameters
    ----------
    name : str
    rows : int
        Learnt.
    ours_s, pyod_s : float
        CPU seconds to learn it.
    ours_roc_auc, pyod_roc_auc : float
        On the protocol's test rows; saelite's from the exported int8 file.
    """

    name: str
    rows: int
    ours_s: float
    pyod_s: float
    ours_roc_auc: float
    pyod_roc_auc: float


@dataclass(frozen=True)
class Fits:
    """All sets of a folder."""

    sets: tuple[Fit, ...]

    @property
    def together(self) -> Fit:
        """Rows and seconds summed up, ROC-AUC averaged."""
        sums = (sum(getattr(one, name) for one in self.sets) for name in ("rows", "ours_s", "pyod_s"))
        means = (float(np.mean([getattr(one, name) for one in self.sets])) for name in ("ours_roc_auc", "pyod_roc_auc"))
        return Fit("all", *sums, *means)


def table(found: Fits) -> list[tuple[str, ...]]:
    """Return one row per set, and one for all."""
    header = ("set", "rows", "saelite s", "PyOD AutoEncoder s", "ratio", "ROC AUC saelite int8", "PyOD AutoEncoder")
    return [
        header,
        *(
            (one.name, f"{one.rows:,}", f"{one.ours_s:.2f}", f"{one.pyod_s:.2f}", f"{one.ours_s / one.pyod_s:.2f}",
             f"{one.ours_roc_auc:.4f}", f"{one.pyod_roc_auc:.4f}")
            for one in (*found.sets, found.together)
        ),
    ]  # fmt: skip
