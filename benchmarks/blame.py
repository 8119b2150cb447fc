"""Which sensor a detector blames when one is at fault, among the windows in alarm."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from benchmarks.accuracy.accuracy_result import Rows, percent, spread
from benchmarks.accuracy.alarm_runs import Flags
from benchmarks.accuracy.real_path import SCHEMES, detectors, with_seed
from benchmarks.blame_trials import FAULTS, LEAD_ROWS, BlameTrial
from edge_runtime.arrays import FloatArray
from edge_runtime.inference.detector import Detector
from edge_runtime.streaming.stream import Stream
from edge_runtime.streaming.wanted import Wanted
from training.recordings import Recording

FIRST, AMONG = 1, 3
OURS = next(iter(SCHEMES))


@dataclass(frozen=True)
class _Scored:
    """Row at which each window ends, whether it is in alarm, and each sensor's contribution."""

    rows: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    anomalies: Flags
    contributions: FloatArray


@dataclass(frozen=True)
class Blame:
    """Windows in alarm over one kind of fault in every sensor of one machine.

    Parameters
    ----------
    machine, fault : str
    seed : int
    windows : int
        Windows that the fault fills and that are not in alarm without it.
    alarms : int
        Those of them in alarm.
    named_first, named_among_three : int
        Alarms whose greatest contribution, or one of whose three greatest, is the faulty sensor's.
    """

    machine: str
    fault: str
    seed: int
    windows: int
    alarms: int
    named_first: int
    named_among_three: int

    @property
    def first(self) -> float | None:
        """Share of alarms that name the faulty sensor first; None without alarms."""
        return self.named_first / self.alarms if self.alarms else None

    @property
    def among_three(self) -> float | None:
        """Share of alarms that name the faulty sensor in the first three; None without alarms."""
        return self.named_among_three / self.alarms if self.alarms else None


@dataclass(frozen=True)
class BlameBenchmark:
    """All that was found, one entry per machine, seed and fault."""

    blames: tuple[Blame, ...]


def measure(
    trials: Iterable[tuple[BlameTrial, int]], on_step: Callable[[str], None] = lambda _: None
) -> BlameBenchmark:
    """Learn each machine by the product's defaults, and break every sensor that the detector watches.

    Parameters
    ----------
    trials : iterable of (BlameTrial, int)
        Machines, and the seed of training and faults.
    """
    found: list[Blame] = []
    for trial, seed in trials:
        on_step(f"{trial.name}, seed {seed}")
        detector = detectors(trial.train, with_seed(seed), (OURS,))[OURS]
        found += [_blame(trial, detector, fault, seed) for fault in FAULTS]
    return BlameBenchmark(tuple(found))


def _blame(trial: BlameTrial, detector: Detector, fault: str, seed: int) -> Blame:
    rng = np.random.default_rng((seed, list(FAULTS).index(fault)))
    counts = np.zeros(4, np.int64)
    for number, sensor in enumerate(detector.sensor_names):
        counts += _counts(*trial.stretch(fault, sensor, rng), detector, number)
    return Blame(trial.name, fault, seed, *counts.tolist())


def _counts(
    normal: Recording, broken: Recording, detector: Detector, faulty: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Return windows that the fault fills, alarms among them, and how many of these name the sensor first or early."""
    without, scored = _scored(normal, detector), _scored(broken, detector)
    filled = scored.rows >= LEAD_ROWS + detector.manifest.spec.preprocessing.window - 1
    # Windows in alarm without the fault name an earlier cause.
    counted = filled & ~without.anomalies
    alarms = counted & scored.anomalies
    return np.array([counted.sum(), *_named(scored.contributions[alarms], faulty)])


def _scored(recording: Recording, detector: Detector) -> _Scored:
    """Return a stretch's results from a new stream."""
    chosen = [recording.sensors.index(name) for name in detector.sensor_names]
    stream = Stream(detector, wanted=Wanted(explain_above=-np.inf))
    rows, results = [], []
    times = np.full(len(recording.values), np.nan) if recording.times is None else recording.times
    parts = (np.split(one, recording.breaks) for one in (recording.values, times))
    for start, values, made in zip((0, *recording.breaks), *parts, strict=True):
        stream.pause()
        results.append(stream.update_many(values[:, chosen], made))
        rows.append(start + results[-1].ends)
    anomalies = np.concatenate([one.anomalies for one in results])
    return _Scored(np.concatenate(rows), anomalies, np.concatenate([one.evidence.contributions for one in results]))


def _named(contributions: np.ndarray[tuple[int, ...], np.dtype[np.float32]], faulty: int) -> tuple[int, int, int]:
    """Return how many windows there are, and in how many a sensor is named first and in the first three.

    >>> _named(np.array([[0.1, 0.9, 0.0], [0.2, 0.1, 0.3]], np.float32), faulty=1)
    (2, 1, 2)
    """
    # A tie with another sensor is not a name: the sensor must be above it.
    place = (contributions >= contributions[:, [faulty]]).sum(axis=1)
    return len(contributions), int((place <= FIRST).sum()), int((place <= AMONG).sum())


def table(found: BlameBenchmark) -> Rows:
    """Return one row per machine and fault, and one for all faults; means over the seeds and their spread."""
    rows: Rows = [("recording", "fault", "windows in alarm", "named first", "in the first three")]
    for machine in dict.fromkeys(one.machine for one in found.blames):
        mine = [one for one in found.blames if one.machine == machine]
        for fault in FAULTS:
            rows.append((machine, fault, *_cells([[one] for one in mine if one.fault == fault])))
        seeds = sorted({one.seed for one in mine})
        rows.append((machine, "all", *_cells([[one for one in mine if one.seed == seed] for seed in seeds])))
    return rows


def _cells(by_seed: list[list[Blame]]) -> tuple[str, str, str]:
    """Return share of windows in alarm, and of alarms that name the sensor first and in the first three."""

    def shares(part: str, of: str) -> list[float | None]:
        sums = ((sum(getattr(one, name) for one in mine) for name in (part, of)) for mine in by_seed)
        return [several / whole if whole else None for several, whole in sums]

    return (
        percent(float(np.mean([share or 0.0 for share in shares("alarms", "windows")]))),
        spread(shares("named_first", "alarms"), ".1%"),
        spread(shares("named_among_three", "alarms"), ".1%"),
    )
