"""What came of each asset of a fleet, by how it was learnt, and the tables made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.accuracy.accuracy_result import Rows

ALONE, WARM, COMMON = "alone", "from the common model", "the common model"
METHODS = (ALONE, WARM, COMMON)
ALL = "all"


@dataclass(frozen=True)
class AssetFigures:
    """An asset's figures by one way of learning it.

    Parameters
    ----------
    fleet, group, asset, method : str
    seed : int
    roc_auc, f1, far : float
        Of smoothed scores; F1 and the share of normal rows that alarm at the file's own threshold.
    matched_f1 : float
        F1 at the limit that 1 % of the watched normal rows exceed.
    fit_s : float
        CPU seconds of the training: the fleet's, divided by its assets.
    head : str
    """

    fleet: str
    group: str
    asset: str
    method: str
    seed: int
    roc_auc: float
    f1: float
    far: float
    matched_f1: float
    fit_s: float
    head: str


@dataclass(frozen=True)
class FleetComparison:
    """All assets of all fleets by all methods and seeds.

    Parameters
    ----------
    results : tuple of AssetFigures
    common_s : tuple of float
        CPU seconds of fitting each fleet's common model.
    troubles : tuple of str
        Assets that could not be learnt or exported, and why.
    """

    results: tuple[AssetFigures, ...]
    common_s: tuple[float, ...]
    troubles: tuple[str, ...]

    def rows(self) -> Rows:
        """Return a table: a row for each fleet, group and method, means over the assets with the spread of seeds."""
        rows: Rows = [("fleet", "assets", "learnt", "ROC-AUC", "F1", "F1 at 1 % FAR", "FAR, %", "CPU s of a fit")]
        for fleet in dict.fromkeys(one.fleet for one in self.results):
            groups = dict.fromkeys(one.group for one in self.results if one.fleet == fleet)
            methods = [one for one in METHODS if any(result.method == one for result in self.results)]
            rows += [self._row(fleet, group, method) for group in (ALL, *groups) for method in methods]
        return rows

    def _row(self, fleet: str, group: str, method: str) -> tuple[str, ...]:
        mine = [
            one for one in self.results
            if (one.fleet, one.method) == (fleet, method) and group in (ALL, one.group)
        ]  # fmt: skip
        count = len({one.asset for one in mine})
        return (
            fleet,
            f"{group} ({count})",
            method,
            _spread(mine, lambda one: one.roc_auc, 3),
            _spread(mine, lambda one: one.f1, 3),
            _spread(mine, lambda one: one.matched_f1, 3),
            _spread(mine, lambda one: 100 * one.far, 2),
            f"{np.mean([one.fit_s for one in mine]):.2f}",
        )


def _spread(results: Sequence[AssetFigures], figure: Callable[[AssetFigures], float], digits: int) -> str:
    """Return the mean over the assets, and the standard deviation of that mean over the seeds."""
    seeds = dict.fromkeys(one.seed for one in results)
    means = [np.mean([figure(one) for one in results if one.seed == seed]) for seed in seeds]
    text = f"{np.mean(means):.{digits}f}"
    return text if len(means) == 1 else f"{text} ± {np.std(means, ddof=1):.{digits}f}"
