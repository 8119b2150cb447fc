"""A detector learnt on one machine, on another of its kind: as it is, adapted there, and learnt there from scratch."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.accuracy import skab
from benchmarks.accuracy.accuracy_result import Rows, mean, percent, spread
from benchmarks.accuracy.alarm_runs import DAY_S, FalseAlarms, heading
from benchmarks.accuracy.counts import Counts
from benchmarks.accuracy.outcome import Outcome, pooled
from benchmarks.accuracy.real_path import part_of, relative_scores, with_seed
from benchmarks.accuracy.scenarios import SCENARIOS, Scenario, trial_on
from benchmarks.simulator import simulate
from benchmarks.simulator.elsewhere import elsewhere
from edge_runtime.inference.detector import Detector
from edge_runtime.inference.runtimes import find_runtime
from edge_runtime.refitting.adapt import AdaptSettings, adapt
from edge_runtime.refitting.normal_readings import NormalReadings, Shape
from edge_runtime.signal.cycle import course_of, without_course
from export.export_run import ExportSettings, export_run
from training.pipeline import train
from training.recordings import Recording

METHODS = ("as made elsewhere", "adapted", "from scratch")
AIM = 0.02
"""How far the F1 of an adapted detector may be below that of one from scratch."""


@dataclass(frozen=True)
class SiteTrial:
    """A machine to learn elsewhere, and another of its kind to watch.

    Parameters
    ----------
    name : str
        Of the collection or kind of machine.
    seed : int
    made_on : Recording
        Normal rows of the one that the detector is made on.
    normal : Recording
        Normal rows of the other one, to adapt to or to learn from.
    watched : tuple of Recording
        Its later rows, labelled.
    row_s : float
        Seconds from row to row.
    """

    name: str
    seed: int
    made_on: Recording
    normal: Recording
    watched: tuple[Recording, ...]
    row_s: float


@dataclass(frozen=True)
class Adaptations:
    """Outcomes by method, and the seconds that each adaptation took.

    Parameters
    ----------
    outcomes : tuple of Outcome
        Their `recording` is the trial's name, a colon, and the recording's.
    seconds : tuple of float
    """

    outcomes: tuple[Outcome, ...]
    seconds: tuple[float, ...]

    @property
    def names(self) -> list[str]:
        """The collections and kinds of machines."""
        return list(dict.fromkeys(one.recording.partition(":")[0] for one in self.outcomes))

    def of(self, name: str, method: str) -> list[Outcome]:
        """Return a method's outcomes on a collection or kind of machine."""
        return [one for one in self.outcomes if one.method == method and one.recording.startswith(f"{name}:")]


def simulated(seeds: Iterable[int], rows: int | None = None) -> Iterator[SiteTrial]:
    """Yield a trial for each kind of machine and seed: one week to learn elsewhere, one here, and one to watch."""
    for seed in seeds:
        for name, scenario in SCENARIOS.items():
            week = scenario.settings.rows // 2 if rows is None else rows
            yield _simulated(name, scenario, seed, week)


def _simulated(name: str, scenario: Scenario, seed: int, week: int) -> SiteTrial:
    settings = replace(scenario.settings, rows=3 * week)
    machine = simulate(settings, seed)
    later = replace(machine, values=machine.values[week:], modes=machine.modes[week:])
    here = trial_on(name, elsewhere(later), scenario.faulty_share)
    made_on = machine.recording(f"{name}, elsewhere", 0, week)
    return SiteTrial(name, seed, made_on, here.train, (here.normal, *here.faulty.values()), 1.0 / settings.rate_hz)


def of_skab(folder: Path, seeds: Iterable[int]) -> Iterator[SiteTrial]:
    """Yield a trial for each recording with anomalies and seed: the detector is made on the recording before it."""
    found = [one for one in skab.recordings(folder) if one.labels is not None]
    for seed in seeds:
        for number, recording in enumerate(found):
            made_on, normal = (part_of(one, skab.TRAIN_ROWS) for one in (found[number - 1], recording))
            watched = (part_of(recording, len(recording.values), skab.TRAIN_ROWS),)
            yield SiteTrial("SKAB", seed, made_on, normal, watched, skab.ROW_S)


def measure(trials: Iterable[SiteTrial], on_step: Callable[[str], None] = lambda _: None) -> Adaptations:
    """Return what each method does in every trial, with the product's defaults."""
    outcomes: list[Outcome] = []
    seconds: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for trial in trials:
            on_step(f"{trial.name}, {trial.normal.name}, seed {trial.seed}")
            made, scratch = (_file(one, trial.seed, Path(folder)) for one in (trial.made_on, trial.normal))
            began_s = time.process_time()
            adapted = _adapted(made, trial)
            seconds.append(time.process_time() - began_s)
            for method, path in zip(METHODS, (made, adapted, scratch), strict=True):
                outcomes += _outcomes(trial, method, Detector.load(path))
    return Adaptations(tuple(outcomes), tuple(seconds))


def _file(recording: Recording, seed: int, folder: Path) -> Path:
    """Return the model file of a recording and seed, made once."""
    path = folder / f"{abs(hash((recording.name, len(recording.values), seed)))}.tflite"
    if not path.exists():
        export_run(train(recording, with_seed(seed)).folder, ExportSettings()).write(path)
    return path


def _adapted(made: Path, trial: SiteTrial) -> Path:
    spec = Detector.load(made).spec
    readings = NormalReadings(Shape.of(spec.preprocessing))
    columns = [trial.normal.sensors.index(name) for name in spec.sensor_names]
    values, times = trial.normal.values[:, columns], trial.normal.times
    values = values if times is None else without_course(values, times, course_of(spec))
    for rows in np.split(values, trial.normal.breaks):
        readings.add(np.ascontiguousarray(rows), follows=False)
    path = made.with_suffix(".adapted")
    adapt(made.read_bytes(), made, readings, trial.row_s, AdaptSettings(find_runtime())).model.write(path)
    return path


def _outcomes(trial: SiteTrial, method: str, detector: Detector) -> Iterator[Outcome]:
    for recording in trial.watched:
        labels = np.zeros(len(recording.values), bool) if recording.labels is None else recording.labels
        alarms = relative_scores(detector, recording) > 1.0
        runs = FalseAlarms.of(alarms, labels, trial.row_s)
        counts = Counts.of(labels, alarms)
        yield Outcome(f"{trial.name}: {recording.name}", method, trial.seed, counts, runs)


def table(found: Adaptations) -> Rows:
    """Return one row per collection and method, all rows pooled; means over the seeds and their spread."""
    rows: Rows = [("machines", "method", "F1 ± seeds", "FAR", "MAR", heading(DAY_S))]
    return rows + [(name, method, *_cells(found.of(name, method))) for name in found.names for method in METHODS]


def gaps(found: Adaptations) -> dict[str, float]:
    """Return by how much the F1 of the adapted detector is below that from scratch, by collection; mean over seeds."""
    _, adapted, scratch = METHODS
    return {name: _f1(found.of(name, scratch)) - _f1(found.of(name, adapted)) for name in found.names}


def _f1(outcomes: list[Outcome]) -> float:
    return float(np.mean([counts.f1 for counts, _ in pooled(outcomes)]))


def _cells(outcomes: list[Outcome]) -> tuple[str, str, str, str]:
    sums = pooled(outcomes)
    far, mar = (percent(mean(getattr(counts, rate) for counts, _ in sums)) for rate in ("far", "mar"))
    often = spread((alarms.per(DAY_S) for _, alarms in sums), ".1f")
    return spread(counts.f1 for counts, _ in sums), far, mar, often
