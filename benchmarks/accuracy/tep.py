"""Tennessee Eastman process: fit on one normal run, count the alarms in runs of known faults.

Every run has a reading every 3 minutes; faults start after row 160 of 960. FDR, the fault detection rate, is the share
of rows in alarm from there on; false alarms are those before it, and those of another normal run. Faults 3, 9 and 15
are barely observable, so means are given with and without them (Russell, Chiang and Braatz, 2000, Fault detection
in industrial processes using canonical variate analysis and dynamic principal component analysis).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.accuracy.accuracy_result import Accuracy, Rows, mean, percent, spread
from benchmarks.accuracy.alarm_runs import DAY_S, FalseAlarms, heading
from benchmarks.accuracy.learnt_detector import Learnt
from benchmarks.accuracy.matched import MATCHED_FAR, matched_limit
from benchmarks.accuracy.methods import METHODS, Method, methods
from edge_runtime.arrays import FloatArray
from edge_runtime.errors import RecordingError
from training.recordings import Columns, Recording, read_recording

ROW_S = 180.0
FAULT_START = 160
HARDLY_SHOWN = (3, 9, 15)
ALL_FAULTS = 21
_FAULT_FILE = re.compile(r"fault(\d+)")


@dataclass(frozen=True)
class Process:
    """The runs of a folder: one to learn, another normal one, and one per fault by its number."""

    train: Recording
    normal: Recording
    faults: dict[int, Recording]


@dataclass(frozen=True)
class TepOutcome:
    """One method's figures, at its own threshold and at one that 1 % of the normal rows exceed.

    Parameters
    ----------
    method : str
    seed : int
    fdr, matched_fdr : mapping of int to float
        Share of a fault's rows in alarm.
    far : float
        Share of normal rows in alarm, of all runs.
    run_far, fault_far : float
        The same of the normal run alone, and of the rows before the faults.
    false_alarms : FalseAlarms
    promised_far : float or None
    """

    method: str
    seed: int
    fdr: dict[int, float]
    matched_fdr: dict[int, float]
    far: float
    run_far: float
    fault_far: float
    false_alarms: FalseAlarms
    promised_far: float | None

    def mean_fdr(self, *, matched: bool, without: tuple[int, ...] = ()) -> float | None:
        """Return the mean over the faults; None if none is left."""
        rates = self.matched_fdr if matched else self.fdr
        return mean(rate for fault, rate in rates.items() if fault not in without)


def process(folder: Path) -> Process:
    """Read the runs of a folder.

    Raises
    ------
    RecordingError
        If ``train.csv``, ``normal.csv`` or every ``fault01.csv`` … is missing.
    """
    files = {file.stem: file for file in sorted(folder.glob("*.csv"))}
    numbers = {name: int(match[1]) for name in files if (match := _FAULT_FILE.fullmatch(name))}
    if not {"train", "normal"} <= set(files) or not numbers:
        raise RecordingError(
            f"{folder} is not the Tennessee Eastman process. Expected train.csv, normal.csv, fault01.csv, fault02.csv "
            f"… Received: {', '.join(files) or 'no CSV file'}"
        )
    return Process(
        _run(files["train"]), _run(files["normal"]), {number: _run(files[name]) for name, number in numbers.items()}
    )


def _run(file: Path) -> Recording:
    """Return a run without its labels: the protocol knows where faults start."""
    return replace(read_recording(file, Columns(label="anomaly")), labels=None, rate_hz=1.0 / ROW_S)


def measure(found: Process, seeds: Iterable[int], on_step: Callable[[str], None] = lambda _: None) -> Accuracy:
    """Return the outcome of every method."""
    results, ready = [], []
    for seed in seeds:
        on_step(f"seed {seed}")
        learnt = methods(found.train, seed)
        results += [_outcome(found, one, seed) for one in learnt]
        ready += [("train", one) for one in learnt]
    tables = (("All faults:", table(results)), ("FDR of each fault, own threshold:", fault_table(results)))
    is_whole = len(found.faults) == ALL_FAULTS
    return Accuracy("TEP", is_whole, tables, tuple(results), (), Learnt.of(ready))


def _outcome(found: Process, method: Method, seed: int) -> TepOutcome:
    normal = method.relative_scores(found.normal)
    faults = {number: method.relative_scores(run) for number, run in found.faults.items()}
    before = [scores[:FAULT_START] for scores in faults.values()]
    limit = matched_limit(np.concatenate([normal, *before]))
    return TepOutcome(
        method.name,
        seed,
        fdr={number: _share(scores[FAULT_START:], 1.0) for number, scores in faults.items()},
        matched_fdr={number: _share(scores[FAULT_START:], limit) for number, scores in faults.items()},
        far=_share(np.concatenate([normal, *before]), 1.0),
        run_far=_share(normal, 1.0),
        fault_far=_share(np.concatenate(before), 1.0),
        false_alarms=sum((_false_alarms(scores) for scores in (normal, *before)), FalseAlarms()),
        promised_far=method.promised_far,
    )


def _share(scores: FloatArray, limit: float) -> float:
    return float((scores > limit).mean())


def _false_alarms(scores: FloatArray) -> FalseAlarms:
    return FalseAlarms.of(scores > 1.0, np.zeros(len(scores), bool), ROW_S)


def table(results: list[TepOutcome]) -> Rows:
    """Return one row per method, means over the seeds and their spread."""
    without = f"without {', '.join(map(str, HARDLY_SHOWN))}"
    at = f"at {MATCHED_FAR:.0%} FAR"
    rows: Rows = [
        ("method", "FDR", without, f"FDR {at}", f"{without}, {at}", "promised FAR", "FAR", "FAR normal run",
         "FAR before faults", heading(DAY_S))
    ]  # fmt: skip
    for method in METHODS:
        mine = [one for one in results if one.method == method]
        detected = (
            spread((one.mean_fdr(matched=matched, without=left_out) for one in mine), ".1%")
            for matched in (False, True)
            for left_out in ((), HARDLY_SHOWN)
        )
        shares = ("promised_far", "far", "run_far", "fault_far")
        alarms = spread((one.false_alarms.per(DAY_S) for one in mine), ".1f")
        rows.append(
            (method, *detected, *(percent(mean(getattr(one, share) for one in mine)) for share in shares), alarms)
        )
    return rows


def fault_table(results: list[TepOutcome]) -> Rows:
    """Return every method's FDR of each fault, means over the seeds."""
    rows: Rows = [("fault", *METHODS)]
    for fault in results[0].fdr:
        cells = (percent(mean(one.fdr[fault] for one in results if one.method == method)) for method in METHODS)
        rows.append((str(fault), *cells))
    return rows
