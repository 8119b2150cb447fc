"""What the forms of a whitening cost in detection: those that are in use, and those that were rejected.

python -m benchmarks.head_forms --data ../shared/data --json docs/benchmarks/head_forms.json

Each set is learnt with the product's defaults, exported as int8 for the target ``c``, and scored by heads fitted on
what that file's network gives. Forms are compared with the head in full precision; labels count only for the figures.
The widths of the triangle's columns were chosen on the sets of `tasks`; `other_tasks` are recordings that nothing was
chosen on.

References
----------
Harman (1976), Modern Factor Analysis: principal axis factoring, for the low-rank form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import click
import numpy as np

from benchmarks.accuracy import adbench, skab
from benchmarks.accuracy.outcome import roc_auc
from benchmarks.accuracy.real_path import part_of, with_seed
from benchmarks.json_file import write_json
from edge_runtime.arrays import BoolArray, FloatArray
from edge_runtime.fitting.moments import Floats
from edge_runtime.fitting.packing import fine_columns, pack
from edge_runtime.inference.heads import PARTS, Head
from edge_runtime.inference.runtimes import Options, find_runtime
from edge_runtime.refitting.network_outputs import NetworkRunner
from edge_runtime.signal.windows import sliding_windows
from export.export_run import ExportSettings, export_run
from export.fitting.fit_heads import fit_head
from training.pipeline import train
from training.recordings import Recording, read_recording

HEADS = ("inputs", "t2", "t2x", "deep", "modes", "codebook")
SEEDS = (0, 1, 2)
_FAULTS = (1, 4, 5, 7, 10)
_FAULT_ROW, _MODES, _BLOCK = 160, 4, 2000
_RECORDINGS, _OTHER_RECORDINGS = slice(0, 24, 3), slice(2, None, 3)
Scores = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class FormLoss:
    """A form of one head, over all sets and seeds.

    Parameters
    ----------
    mean, worst : float
        ROC-AUC lost.
    other_mean, other_worst : float
        The same on sets that nothing was chosen on.
    """

    head: str
    form: str
    mean: float
    worst: float
    other_mean: float
    other_worst: float


@dataclass(frozen=True)
class FormBenchmark:
    """All forms of all heads."""

    sets: tuple[str, ...]
    other_sets: tuple[str, ...]
    seeds: int
    losses: tuple[FormLoss, ...]


def tasks(data: Path) -> Iterator[tuple[Recording, list[tuple[FloatArray, BoolArray]]]]:
    """Yield what to learn, and rows to score with their labels."""
    for file in sorted((data / "adbench").glob("*.npz")):
        split = adbench.read_split(file)
        yield replace(split.normal, name=split.name), [(split.rows, split.labels)]
    yield from _of_skab(data, _RECORDINGS)
    faults = [read_recording(data / "tep" / f"fault{number:02d}.csv").values for number in _FAULTS]
    yield read_recording(data / "tep" / "train.csv"), [(one, np.arange(len(one)) >= _FAULT_ROW) for one in faults]


def other_tasks(data: Path) -> Iterator[tuple[Recording, list[tuple[FloatArray, BoolArray]]]]:
    """Yield the same of recordings that nothing was chosen on."""
    yield from _of_skab(data, _OTHER_RECORDINGS)


def _of_skab(data: Path, chosen: slice) -> Iterator[tuple[Recording, list[tuple[FloatArray, BoolArray]]]]:
    for one in skab.recordings(data / "skab")[chosen]:
        if one.labels is not None and part_of(one, skab.TRAIN_ROWS).values.size:
            later = part_of(one, len(one.values), skab.TRAIN_ROWS)
            labels = np.asarray(later.labels, bool)
            if 0 < labels.sum() < len(labels):
                yield part_of(one, skab.TRAIN_ROWS), [(later.values, labels)]


def losses_on(normal: Recording, scored: list[tuple[FloatArray, BoolArray]], seed: int) -> dict[tuple[str, str], float]:
    """Return the ROC-AUC that each form of each head loses."""
    run = train(normal, replace(with_seed(seed), head="deep")).folder
    model = export_run(run, ExportSettings("int8", "c"))
    runner, window = NetworkRunner(model, find_runtime(), Options()), run.spec.preprocessing.window
    columns = [list(normal.sensors).index(name) for name in run.spec.sensor_names]
    widths = (run.spec.preprocessing.inputs, sum(len(one.bias) for one in run.network.encoder[:-1]))

    def parts_of(rows: FloatArray) -> dict[str, FloatArray]:
        windows = np.ascontiguousarray(sliding_windows(np.ascontiguousarray(rows[:, columns]), window))
        blocks = [windows[start : start + _BLOCK] for start in range(0, len(windows), _BLOCK)]
        z = np.concatenate([runner.run(block).rows for block in blocks])
        return dict(zip(PARTS["deep"], np.split(z, np.cumsum(widths), axis=1), strict=True))

    fitted_on, tests = parts_of(normal.values), [(parts_of(rows), labels[window - 1 :]) for rows, labels in scored]
    found: dict[tuple[str, str], float] = {}
    for kind in HEADS:
        head = fit_head(kind, fitted_on, modes=_MODES)
        areas = {name: _area(form, head, tests) for name, form in forms_of(head, head.rows(fitted_on)).items()}
        found |= {(kind, name): areas["float32"] - area for name, area in areas.items() if name != "float32"}
    return found


def _area(form: Scores, head: Head, tests: list[tuple[dict[str, FloatArray], BoolArray]]) -> float:
    areas = [roc_auc(labels, form(head.rows(parts).astype(np.float64))) for parts, labels in tests]
    return float(np.mean([area for area in areas if area is not None]))


def forms_of(head: Head, normal: FloatArray) -> dict[str, Scores]:
    """Return how each form scores rows ``z``: what is in use, and for heads with one centre what was rejected."""
    half = replace(head, whitening=head.whitening.astype(np.float16).astype(np.float32))
    forms: dict[str, Scores] = {
        "float32": head.score_rows,
        "triangular, 16 bits": pack(head, head.width).score_rows,
        "triangular, 8 bits": pack(head, 0).score_rows,
        "dense, float16": half.score_rows,
    }
    if 0 < fine_columns(head.kind, head.width) < head.width:
        forms["triangular, 16 and 8 bits"] = pack(head).score_rows
    if head.centers is not None:
        return forms
    mean, deviation = head.mean.astype(np.float64), np.maximum(normal.std(axis=0, dtype=np.float64), 1e-6)
    whitening = head.whitening.astype(np.float64) * deviation[:, None]
    lower = np.asarray(np.linalg.qr(whitening.T, mode="r")).T
    none = np.zeros(len(mean))
    matrices: dict[str, tuple[Floats, Floats, Floats]] = {
        "triangular, 8 bits, each for itself": (none, _rounded(lower), none[:, None]),
        "dense, 8 bits": (none, _rounded(whitening), none[:, None]),
    }
    covariance = np.linalg.inv(whitening @ whitening.T)
    for share in (4, 8):
        diagonal, factors = _low_rank(covariance, max(1, len(mean) // share))
        matrices[f"diagonal and rank d / {share}"] = (diagonal, none[:, None], factors)
    return forms | {name: partial(_quadratic, mean, deviation, *one) for name, one in matrices.items()}


def _quadratic(  # noqa: PLR0913 - the terms of one formula
    mean: Floats, deviation: Floats, d: Floats, plus: Floats, minus: Floats, z: FloatArray
) -> FloatArray:
    """Return ``u diag(d) u' + |u plus|² - |u minus|²``, u being rows in units of their deviations."""
    u = (z - mean) / deviation
    return np.asarray(np.square(u) @ d + np.square(u @ plus).sum(axis=1) - np.square(u @ minus).sum(axis=1))


def _rounded(matrix: Floats) -> Floats:
    """Return a matrix as 8 bits hold it, with a scale for each column."""
    step = np.maximum(np.abs(matrix).max(axis=0), 1e-30) / 127
    return np.asarray(np.rint(matrix / step) * step)


def _low_rank(covariance: Floats, rank: int) -> tuple[Floats, Floats]:
    """Return d and F of ``inv(covariance) = diag(d) - F F'``, for a covariance of some factors and noise."""
    scale = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(scale, scale)
    noise = 1 / np.diag(np.linalg.inv(correlation))
    for _ in range(100):
        values, vectors = np.linalg.eigh(correlation / np.sqrt(np.outer(noise, noise)))
        strength = np.sqrt(np.maximum(values[-rank:] - 1, 0.0))
        loadings = np.sqrt(noise)[:, None] * vectors[:, -rank:] * strength
        noise = np.maximum(1 - np.square(loadings).sum(axis=1), 1e-4)
    weighted = loadings / noise[:, None]
    root = np.linalg.cholesky(np.linalg.inv(np.eye(rank) + loadings.T @ weighted))
    return 1 / (noise * np.square(scale)), weighted @ root / scale[:, None]


def measure(data: Path, seeds: tuple[int, ...], on_step: Callable[[str], None]) -> FormBenchmark:
    """Return the losses of all forms."""
    names, found = _found(tasks(data), seeds, on_step)
    other_names, others = _found(other_tasks(data), seeds, on_step)
    losses = tuple(
        FormLoss(*key, float(np.mean(values)), max(values), float(np.mean(others[key])), max(others[key]))
        for key, values in found.items()
    )
    return FormBenchmark(names, other_names, len(seeds), losses)


def _found(
    sets: Iterable[tuple[Recording, list[tuple[FloatArray, BoolArray]]]],
    seeds: tuple[int, ...],
    on_step: Callable[[str], None],
) -> tuple[tuple[str, ...], dict[tuple[str, str], list[float]]]:
    """Return the sets' names, and what each form of each head loses on each."""
    found: dict[tuple[str, str], list[float]] = {}
    names = []
    for normal, scored in sets:
        names.append(normal.name)
        for seed in seeds:
            on_step(f"{normal.name}, seed {seed}")
            for key, loss in losses_on(normal, scored, seed).items():
                found.setdefault(key, []).append(loss)
    return tuple(names), found


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True)
@click.option("--json", "path", type=click.Path(path_type=Path), required=True, help="File to write the figures to.")
@click.option("--seeds", type=click.IntRange(1, len(SEEDS)), default=len(SEEDS), show_default=True)
def main(data: Path, path: Path, seeds: int) -> None:
    """Measure what the forms of a head cost."""
    write_json(path, measure(data, SEEDS[:seeds], click.echo))


if __name__ == "__main__":
    main()
