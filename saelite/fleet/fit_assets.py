"""What a worker does for several assets: trains their networks together, from the common model where that helps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_runtime.inference.heads import needs_network
from edge_runtime.model_file.manifest import CHOSEN_ON_EXPORT
from saelite.fleet.assets import Asset
from saelite.fleet.fit_asset import AssetWork, cpu_s
from saelite.fleet.fleet_model import FleetModel
from saelite.fleet.fleet_settings import FleetSettings
from saelite.fleet.outcome import MADE, AssetResult

if TYPE_CHECKING:
    from training.common_model import CommonModel

# Rows in memory beyond which assets are not trained together.
_TOGETHER_BYTES = 2**27
# A start that turns out wrong costs another export, which takes longer than the fit of fewer rows.
_MANY_ROWS = 2000


@dataclass(frozen=True)
class FleetFit:
    """The task of fitting assets.

    Parameters
    ----------
    settings : FleetSettings
    common : FleetModel or None
    warm_start : bool or None
        Whether the networks of assets start from the common model; None where it helps, see `fit_assets`.
    """

    settings: FleetSettings
    common: FleetModel | None = None
    warm_start: bool | None = None

    def __call__(self, items: Sequence[Asset]) -> list[AssetResult]:
        """Return the result of each asset."""
        return fit_assets(items, self.settings, self.common, warm_start=self.warm_start)


def fit_asset(asset: Asset, settings: FleetSettings, common: FleetModel | None = None) -> AssetResult:
    """Return what became of an asset; see `fit_assets`."""
    return fit_assets((asset,), settings, common)[0]


def fit_assets(
    assets: Sequence[Asset],
    settings: FleetSettings,
    common: FleetModel | None = None,
    *,
    warm_start: bool | None = None,
) -> list[AssetResult]:
    """Return what became of assets, which are trained together; whatever is wrong is in an outcome, never raised.

    Where a common start helps: an asset of many rows starts from the common model, and is trained alone after all if
    the head that export chooses needs the network. The score of the others does not depend on how it was learnt.
    """
    from saelite.workstation import require_workstation

    require_workstation("fleet train")
    start = None if common is None or warm_start is False else common.start
    results: list[AssetResult] = []
    together: list[AssetWork] = []
    for number, asset in enumerate(assets, 1):
        together.append(AssetWork(asset, settings, common))
        if number == len(assets) or sum(one.size for one in together) > _TOGETHER_BYTES:
            results += _where_it_helps(together, start) if warm_start is None else _from(together, start)
            together = []
    return results


def _from(works: Sequence[AssetWork], start: CommonModel | None) -> list[AssetResult]:
    _train(works, start)
    return [one.result() for one in works]


def _where_it_helps(works: Sequence[AssetWork], start: CommonModel | None) -> list[AssetResult]:
    warm = [one for one in works if start is not None and _may_gain(one)]
    _train(warm, start)
    _train([one for one in works if one not in warm or _is_wrong_start(one)], None)
    results = [one.result() for one in works]
    wrong = [number for number, one in enumerate(works) if one.is_warm and not _is_indifferent(results[number])]
    _train([works[number] for number in wrong], None)
    for number in wrong:
        results[number] = works[number].result()
    return results


def _may_gain(work: AssetWork) -> bool:
    head = work.settings.detector.head
    return work.outcome.rows >= _MANY_ROWS and (head == CHOSEN_ON_EXPORT.head or not needs_network(head))


def _is_wrong_start(work: AssetWork) -> bool:
    """Return whether a fit failed, or rows turned out to have no order: the head of a table needs the network."""
    return isinstance(work.run, Exception) or (work.is_warm and not work.trained.folder.is_series)


def _is_indifferent(result: AssetResult) -> bool:
    """Return whether a file is as good whatever its network has learnt."""
    outcome = result.outcome
    return outcome.status == MADE and outcome.figures is not None and not needs_network(outcome.figures.head)


def _train(works: Sequence[AssetWork], start: CommonModel | None) -> None:
    """Fit the networks of several assets, those of one structure in one graph, from the start if there is one."""
    from training.pipeline import train_many

    began_s = cpu_s()
    ready = [one for one in works if one.recording is not None]
    try:
        runs = train_many([one.rows for one in ready], ready[0].settings.detector, start) if ready else []
    except Exception as error:  # noqa: BLE001 - reported by each asset, and the common model may do
        runs = [error for _ in ready]
    share_s = (cpu_s() - began_s) / max(1, len(ready))
    for work, run in zip(ready, runs, strict=True):
        work.run = run
        work.cpu_s += share_s
