"""SKAB: fit each file on its first 400 rows, score the later ones, pool all files' rows into one F1, FAR and MAR.

The protocol is the leaderboard's (Katser and Kozitsin, 2020, Skoltech Anomaly Benchmark). Labels are looked at
for the figures alone, and rows are scored in order, each from itself and those before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.accuracy.baselines import BASELINES, baseline_alarms
from benchmarks.accuracy.counts import Counts
from benchmarks.accuracy.real_path import SCHEMES, Recipe, detectors, part_of, relative_scores
from edge_runtime.errors import RecordingError
from edge_runtime.preprocessing import FloatArray
from edge_runtime.run_folder import ThresholdRule
from training.pipeline import DetectorSettings
from training.recordings import Columns, Recording, read_recording
from training.recordings.findings import SensorPolicy
from training.trainer import TrainingSettings

TRAIN_ROWS = 400
NORMAL_FOLDER = "anomaly-free"
# A normal recording is as long as those with anomalies, or drift over hours would be measured as well.
NORMAL_ROWS = 1150
RECIPE = Recipe(
    DetectorSettings(
        window=3,
        head="t2",
        alpha=0.5,
        smoothing_span=30,
        # 400 rows are too few to hold some back: the threshold is fitted on them, and its factor makes up for it.
        validation_fraction=0.0,
        threshold_rule=ThresholdRule(quantile=0.999, factor=4 / 3, check_fraction=0.0),
        sensor_policy=SensorPolicy(constant="drop", drift="drop"),
        training=TrainingSettings(epochs=300, batch_size=100, learning_rate=1e-2, decay=True, patience=300),
    ),
    mean_rate=0.01,
)
"""One recipe for every file."""

ALWAYS = "always alarm"


@dataclass(frozen=True)
class Outcome:
    """What one detector did on one recording.

    Parameters
    ----------
    method : str
    seed : int
    is_normal : bool
        Whether the recording has no anomaly at all.
    counts : Counts
    """

    method: str
    seed: int
    is_normal: bool
    counts: Counts


def recordings(folder: Path) -> list[tuple[Recording, bool]]:
    """Return every recording, and whether it is a stretch of a normal one.

    Raises
    ------
    RecordingError
        If there is none.
    """
    files = sorted(folder.rglob("*.csv"))
    if not files:
        raise RecordingError(f"{folder} has no CSV file. Expected the folders of SKAB, such as valve1/0.csv.")
    found = []
    for file in files:
        whole = read_recording(file, Columns(exclude=() if file.parent.name == NORMAL_FOLDER else ("changepoint",)))
        is_normal = whole.labels is None
        step = NORMAL_ROWS if is_normal else len(whole.values)
        found += [
            (part_of(whole, start + step, start), is_normal) for start in range(0, len(whole.values) - step + 1, step)
        ]
    return found


def outcomes(
    found: Iterable[tuple[Recording, bool]], seeds: Iterable[int], on_step: Callable[[str], None] = lambda _: None
) -> list[Outcome]:
    """Return what the recipe, by every scheme, and the baselines do on each recording."""
    results = []
    for recording, is_normal in found:
        on_step(recording.name)
        normal = part_of(recording, TRAIN_ROWS)
        labels = np.zeros(len(recording.values), bool) if recording.labels is None else recording.labels
        for seed in seeds:
            alarms = _alarms(recording, normal, seed)
            results += [Outcome(method, seed, is_normal, _count(labels, alarm)) for method, alarm in alarms.items()]
    return results


def _alarms(recording: Recording, normal: Recording, seed: int) -> dict[str, npt.NDArray[np.bool_]]:
    made = detectors(normal, RECIPE.with_seed(seed))
    chosen = [recording.sensors.index(name) for name in made[SCHEMES[0]].sensor_names]
    rows = np.ascontiguousarray(recording.values[:, chosen])
    alarms = {
        f"saelite {scheme}": _one_per_row(relative_scores(made[scheme], rows, RECIPE.mean_rate), rows)
        for scheme in made
    }
    alarms |= {name: baseline_alarms(name, rows[:TRAIN_ROWS], rows, seed) for name in BASELINES}
    return alarms | {ALWAYS: np.ones(len(rows), bool)}


def _one_per_row(relative: FloatArray, rows: FloatArray) -> npt.NDArray[np.bool_]:
    """Return one alarm per row; the rows before the first full window are training rows."""
    return np.concatenate([np.zeros(len(rows) - len(relative), bool), relative > 1.0])


def _count(labels: npt.NDArray[np.bool_], alarms: npt.NDArray[np.bool_]) -> Counts:
    return Counts.of(labels[TRAIN_ROWS:], alarms[TRAIN_ROWS:])


def table(results: list[Outcome]) -> list[tuple[str, ...]]:
    """Return one row per method: F1, FAR and MAR pooled over the files, FAR on normal ones; means over the seeds."""
    rows: list[tuple[str, ...]] = [("method", "F1", "± seeds", "FAR", "MAR", "FAR normal-only")]
    for method in dict.fromkeys(result.method for result in results):
        mine = [result for result in results if result.method == method]
        seeds = sorted({result.seed for result in mine})
        anomalous = [_pooled(mine, seed, is_normal=False) for seed in seeds]
        normal = [_pooled(mine, seed, is_normal=True).far for seed in seeds]
        f1 = [counts.f1 for counts in anomalous]
        rates = (np.mean([counts.far for counts in anomalous]), np.mean([counts.mar for counts in anomalous]))
        rows.append(
            (method, f"{np.mean(f1):.4f}", f"{np.std(f1):.4f}", *(f"{rate:.1%}" for rate in (*rates, np.mean(normal))))
        )
    return rows


def _pooled(results: list[Outcome], seed: int, *, is_normal: bool) -> Counts:
    chosen = [result.counts for result in results if result.seed == seed and result.is_normal == is_normal]
    return sum(chosen, Counts())
