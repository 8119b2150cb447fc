"""SKAB: fit each file on its first 400 rows, score the later ones, pool all files' rows into one F1, FAR and MAR.

The protocol is the leaderboard's (Katser and Kozitsin, 2020, Skoltech Anomaly Benchmark). Labels are looked at
for the figures alone, and rows are scored in order, each from itself and those before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.accuracy.baselines import BASELINES, baseline
from benchmarks.accuracy.counts import Counts
from benchmarks.accuracy.real_path import SCHEMES, Recipe, detectors, is_close, part_of, relative_scores
from benchmarks.accuracy.result import Accuracy, Rows, digits, distance_note, mean, percent
from edge_runtime.errors import RecordingError
from edge_runtime.judging import Judge
from edge_runtime.run_folder import ThresholdRule
from training.pipeline import DetectorSettings
from training.preprocessing import PreprocessingSettings
from training.recordings import Columns, Recording, read_recording
from training.recordings.findings import SensorPolicy
from training.trainer import TrainingSettings

TRAIN_ROWS = 400
NORMAL_FOLDER = "anomaly-free"
# A normal recording is as long as those with anomalies, or drift over hours would be measured as well.
NORMAL_ROWS = 1150
RECIPE = Recipe(
    DetectorSettings(
        # What the last four readings were on average, and how much they moved.
        window=4,
        preprocessing=PreprocessingSettings(features=("mean", "std")),
        head="t2",
        alpha=0.5,
        smoothing_span=25,
        # 400 rows are too few to hold some back: the threshold is fitted on them, and its factor makes up for it.
        validation_fraction=0.0,
        threshold_rule=ThresholdRule(quantile=0.999, factor=1.8, check_fraction=0.0),
        sensor_policy=SensorPolicy(constant="drop", drift="drop"),
        mean_rate=0.01,
        training=TrainingSettings(epochs=300, batch_size=100, learning_rate=1e-2, decay=True, patience=300),
    )
)
"""One recipe for every file."""

ALWAYS = "always alarm"
PUBLISHED = (
    ("Conv-AE", 0.78, 0.1355, 0.2802),
    ("MSET", 0.78, 0.3973, 0.1413),
    ("T-squared + Q (PCA)", 0.76, 0.2662, 0.2492),
    ("LSTM-AE", 0.74, 0.2996, 0.2592),
    ("T-squared", 0.66, 0.1921, 0.4260),
    ("LSTM-VAE", 0.56, 0.0913, 0.5503),
    ("Vanilla LSTM", 0.54, 0.1254, 0.5953),
    ("Vanilla AE", 0.39, 0.0259, 0.7515),
    ("Isolation forest", 0.29, 0.0256, 0.8289),
)
"""Method, F1, FAR and MAR of SKAB v0.9's leaderboard for outliers, rows after the first 400 alone."""
WHOLE_COLLECTION = (34, 23_801)
"""Recordings with anomalies in SKAB v0.9, and their rows after the first 400."""


@dataclass(frozen=True)
class Outcome:
    """What one detector did on one recording.

    Parameters
    ----------
    recording, method : str
    seed : int
    is_normal : bool
        Whether the recording has no anomaly at all.
    counts : Counts
    is_close : bool
        Whether export would have written the method's file unasked.
    """

    recording: str
    method: str
    seed: int
    is_normal: bool
    counts: Counts
    is_close: bool = True


def recordings(folder: Path) -> list[tuple[Recording, bool]]:
    """Return every recording, named by its folder and file, and whether it is a stretch of a normal one.

    Raises
    ------
    RecordingError
        If there is none.
    """
    files = sorted(folder.rglob("*.csv"), key=lambda file: (file.parent.name, len(file.stem), file.stem))
    if not files:
        raise RecordingError(f"{folder} has no CSV file. Expected the folders of SKAB, such as valve1/0.csv.")
    found = []
    for file in files:
        whole = read_recording(file, Columns(exclude=() if file.parent.name == NORMAL_FOLDER else ("changepoint",)))
        whole = replace(whole, name=f"{file.parent.name}/{file.stem}")
        is_normal = whole.labels is None
        step = NORMAL_ROWS if is_normal else len(whole.values)
        found += [
            (part_of(whole, start + step, start), is_normal) for start in range(0, len(whole.values) - step + 1, step)
        ]
    return found


def is_whole(results: Iterable[Outcome]) -> bool:
    """Return whether these are the outcomes of the whole collection, which alone compare with the leaderboard."""
    rows = {one.recording: one.counts.rows for one in results if not one.is_normal}
    return (len(rows), sum(rows.values())) == WHOLE_COLLECTION


def outcomes(
    found: Iterable[tuple[Recording, bool]], seeds: Iterable[int], on_step: Callable[[str], None] = lambda _: None
) -> list[Outcome]:
    """Return what the recipe, by every scheme, and the baselines do on each recording."""
    results = []
    for recording, is_normal in found:
        normal = part_of(recording, TRAIN_ROWS)
        labels = np.zeros(len(recording.values), bool) if recording.labels is None else recording.labels
        for seed in seeds:
            on_step(f"{recording.name}, seed {seed}")
            results += [
                Outcome(recording.name, method, seed, is_normal, count(labels, alarms), close)
                for method, (alarms, close) in _alarms(recording, normal, seed).items()
            ]
    return results


def _alarms(recording: Recording, normal: Recording, seed: int) -> dict[str, tuple[npt.NDArray[np.bool_], bool]]:
    """Return each method's alarms, shape (rows,), and whether its file is close to the full model."""
    made = detectors(normal, RECIPE.with_seed(seed))
    spec, rule = made[SCHEMES[0]].manifest.spec, RECIPE.settings.threshold_rule
    judges = {f"saelite {scheme}": Judge.of(detector) for scheme, detector in made.items()}
    judges |= {name: baseline(name, spec, rule, normal, seed) for name in BASELINES}
    close = {f"saelite {scheme}": is_close(detector) for scheme, detector in made.items()}
    alarms = {name: (relative_scores(judge, recording) > 1.0, close.get(name, True)) for name, judge in judges.items()}
    return alarms | {ALWAYS: (np.ones(len(recording.values), bool), True)}


def count(labels: npt.NDArray[np.bool_], alarms: npt.NDArray[np.bool_]) -> Counts:
    """Count the rows after those learnt from."""
    return Counts.of(labels[TRAIN_ROWS:], alarms[TRAIN_ROWS:])


@dataclass(frozen=True)
class Pooled:
    """A method's figures over all rows of some recordings, means over the seeds; None where there are no such rows.

    Parameters
    ----------
    f1, far, mar : float or None
        On recordings with anomalies.
    f1_spread : float or None
        Standard deviation over the seeds.
    normal_far : float or None
        On recordings without any.
    """

    method: str
    f1: float | None
    f1_spread: float | None
    far: float | None
    mar: float | None
    normal_far: float | None


def accuracy(results: list[Outcome]) -> Accuracy:
    """Return the tables and figures of some outcomes."""
    tables = (("All rows pooled:", table(results)), ("Each recording:", recording_table(results)))
    note = distance_note(f"{one.recording} {one.method}" for one in results if not one.is_close)
    return Accuracy("SKAB", is_whole(results), RECIPE, tables, tuple(results), tuple(pooled(results)), note)


def pooled(results: list[Outcome]) -> list[Pooled]:
    """Return one row per method."""
    return [_pool(method, [one for one in results if one.method == method]) for method in _methods(results)]


def _pool(method: str, results: list[Outcome]) -> Pooled:
    anomalous, normal = (_by_seed(results, is_normal=is_normal) for is_normal in (False, True))
    spread = float(np.std([one.f1 for one in anomalous])) if anomalous else None
    f1, far, mar = (mean(getattr(one, rate) for one in anomalous) for rate in ("f1", "far", "mar"))
    return Pooled(method, f1, spread, far, mar, mean(one.far for one in normal))


def _by_seed(results: list[Outcome], *, is_normal: bool) -> list[Counts]:
    chosen = [one for one in results if one.is_normal == is_normal]
    seeds = sorted({one.seed for one in chosen})
    return [sum((one.counts for one in chosen if one.seed == seed), Counts()) for seed in seeds]


def _methods(results: list[Outcome]) -> list[str]:
    return list(dict.fromkeys(one.method for one in results))


def table(results: list[Outcome]) -> Rows:
    """Return one row per method: F1, FAR and MAR pooled over the recordings, FAR on normal ones.

    The leaderboard's rows follow where the whole collection was given.
    """
    rows: Rows = [("method", "F1", "± seeds", "FAR", "MAR", "FAR normal-only")]
    for one in pooled(results):
        rates = (percent(rate) for rate in (one.far, one.mar, one.normal_far))
        rows.append((one.method, digits(one.f1), digits(one.f1_spread), *rates))
    if is_whole(results):
        rows += [
            (f"{name} (published)", f"{f1:.2f}", "", percent(far), percent(mar), "") for name, f1, far, mar in PUBLISHED
        ]
    return rows


def recording_table(results: list[Outcome]) -> Rows:
    """Return every method's F1 on each recording, its false-alarm rate on normal ones; means over the seeds."""
    methods = [method for method in _methods(results) if method != ALWAYS]
    rows: Rows = [("recording", "figure", *methods)]
    for name, is_normal in dict.fromkeys((one.recording, one.is_normal) for one in results):
        mine = [one for one in results if one.recording == name]
        counts = {method: [one.counts for one in mine if one.method == method] for method in methods}
        if is_normal:
            rows.append((name, "FAR", *(percent(mean(one.far for one in counts[method])) for method in methods)))
        else:
            rows.append((name, "F1", *(digits(mean(one.f1 for one in counts[method])) for method in methods)))
    return rows
