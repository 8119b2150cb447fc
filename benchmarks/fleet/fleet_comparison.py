"""Fleets learnt in three ways: each asset alone, from a common model, and by the common model with heads of its own.

python -m benchmarks.fleet.fleet_comparison --skab DIR --json docs/benchmarks/fleet.json
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from sklearn.metrics import f1_score, roc_auc_score

from benchmarks.accuracy.matched import matched_limit
from benchmarks.accuracy.real_path import opened, relative_scores, with_seed
from benchmarks.fleet.fleet_result import ALONE, COMMON, METHODS, AssetFigures, FleetComparison
from benchmarks.fleet.members import Member, simulated_fleet, skab_fleet
from benchmarks.json_file import write_json
from edge_runtime.errors import SaeliteError
from training.common_fit import fit_common_model
from training.common_model import CommonModel
from training.pipeline import train_many
from training.settings import DetectorSettings
from training.trained_run import TrainedRun

_SAMPLE = 16
_FILE = "saelite"


def compare(fleets: dict[str, list[Member]], seed: int) -> FleetComparison:
    """Learn every fleet in every way; the seed is that of weights and batch order."""
    results: list[AssetFigures] = []
    troubles: list[str] = []
    seconds = []
    for name, fleet in fleets.items():
        settings, start = with_seed(seed), time.process_time()
        common = fit_common_model([one.normal for one in fleet[:_SAMPLE]], settings)
        seconds.append(time.process_time() - start)
        for method in METHODS:
            for figures in _learnt(name, fleet, method, settings, common):
                (troubles if isinstance(figures, str) else results).append(figures)  # type: ignore[arg-type]
    return FleetComparison(tuple(results), tuple(seconds), tuple(troubles))


def _learnt(
    name: str, fleet: Sequence[Member], method: str, settings: DetectorSettings, common: CommonModel
) -> Iterator[AssetFigures | str]:
    settings = replace(settings, epochs=0) if method == COMMON else settings
    start = time.process_time()
    runs = train_many([one.normal for one in fleet], settings, None if method == ALONE else common)
    fit_s = (time.process_time() - start) / len(fleet)
    for member, run in zip(fleet, runs, strict=True):
        try:
            yield _figures(name, member, method, run, fit_s)
        except SaeliteError as error:
            yield f"{name}, {member.normal.name}, {method}: {error}"


def _figures(fleet: str, member: Member, method: str, run: TrainedRun | Exception, fit_s: float) -> AssetFigures:
    if isinstance(run, Exception):
        raise run
    detector = opened(run, (_FILE,))[_FILE]
    scores, labels = relative_scores(detector, member.watched), member.watched.labels
    scored = ~np.isnan(scores)
    scores, labels = scores[scored], np.asarray(labels)[scored]
    return AssetFigures(
        fleet,
        member.group,
        member.normal.name,
        method,
        run.settings.seed,
        float(roc_auc_score(labels, scores)),
        float(f1_score(labels, scores > 1.0)),
        float((scores[~labels] > 1.0).mean()),
        float(f1_score(labels, scores > matched_limit(scores[~labels]))),
        fit_s,
        detector.spec.scoring.head,
    )


@click.command()
@click.option("--skab", type=click.Path(path_type=Path, exists=True), help="Folder of SKAB, with valve1/0.csv …")
@click.option("--assets", default=10, show_default=True, help="Simulated machines.")
@click.option("--seeds", default=3, show_default=True, help="Number of seeds, of weights and of simulated fleets.")
@click.option("--json", "path", type=click.Path(path_type=Path), help="Where to write the figures.")
def main(skab: Path | None, assets: int, seeds: int, path: Path | None) -> None:
    """Compare the three ways of learning a fleet."""
    parts = []
    for seed in range(seeds):
        fleets = {} if skab is None else {"SKAB": skab_fleet(skab)}
        fleets |= {"simulated": simulated_fleet(assets, seed)} if assets else {}
        parts.append(compare(fleets, seed))
        click.echo(f"seed {seed} done", err=True)
    found = FleetComparison(*(sum((getattr(part, name) for part in parts), ()) for name in vars(parts[0])))
    for row in found.rows():
        click.echo(" | ".join(row))
    for trouble in found.troubles:
        click.echo(trouble, err=True)
    if path is not None:
        write_json(path, found)


if __name__ == "__main__":
    main()
