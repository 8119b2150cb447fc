"""Simulated machines: learn a normal week, then count detected faults and false alarms in the next one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.accuracy.accuracy_result import Accuracy, Rows, mean, percent, spread
from benchmarks.accuracy.alarm_runs import DAY_S, FalseAlarms, heading
from benchmarks.accuracy.learnt_detector import Learnt
from benchmarks.accuracy.matched import MATCHED_FAR, matched_limit
from benchmarks.accuracy.methods import METHODS, Method, methods
from benchmarks.accuracy.outcome import roc_auc
from benchmarks.accuracy.scenarios import SCENARIOS, Scenario, ScenarioTrial, trial
from benchmarks.simulator import KINDS
from training.recordings import Recording


@dataclass(frozen=True)
class MachineOutcome:
    """What one method did on one machine.

    Parameters
    ----------
    scenario, method : str
    seed : int
        Of machine and training.
    detected, matched : mapping of str to float
        By kind of fault: share of faulty rows in alarm at the method's own threshold, and at one that 1 % of the normal
        week exceeds.
    roc_auc : mapping of str to float
        By kind of fault.
    far : float
        Share of the normal week in alarm.
    promised_far : float or None
    false_alarms : FalseAlarms
        In the normal week.
    """

    scenario: str
    method: str
    seed: int
    detected: dict[str, float]
    matched: dict[str, float]
    roc_auc: dict[str, float | None]
    far: float
    promised_far: float | None
    false_alarms: FalseAlarms


def measure(
    seeds: Iterable[int],
    on_step: Callable[[str], None] = lambda _: None,
    scenarios: Mapping[str, Scenario] = SCENARIOS,
) -> Accuracy:
    """Return what every method does on a machine of each scenario and seed."""
    chosen = list(seeds)
    results, ready = [], []
    for name, scenario in scenarios.items():
        for seed in chosen:
            on_step(f"{name}, seed {seed}")
            one = trial(name, scenario, seed)
            learnt = methods(one.train, seed)
            results += [_outcome(name, one, method, seed) for method in learnt]
            ready += [(name, method) for method in learnt]
    tables = [("All faults:", table(results))]
    tables += [(f"{name}, detected at {MATCHED_FAR:.0%} FAR:", fault_table(results, name)) for name in scenarios]
    return Accuracy("machines", None, tuple(tables), tuple(results), (), Learnt.of(ready))


def _outcome(scenario: str, one: ScenarioTrial, method: Method, seed: int) -> MachineOutcome:
    normal = method.relative_scores(one.normal)
    limit = matched_limit(normal)
    scored = {kind: (recording, method.relative_scores(recording)) for kind, recording in one.faulty.items()}
    return MachineOutcome(
        scenario,
        method.name,
        seed,
        detected={kind: float((scores[_labels(faulty)] > 1.0).mean()) for kind, (faulty, scores) in scored.items()},
        matched={kind: float((scores[_labels(faulty)] > limit).mean()) for kind, (faulty, scores) in scored.items()},
        roc_auc={kind: roc_auc(_labels(faulty), scores) for kind, (faulty, scores) in scored.items()},
        far=float((normal > 1.0).mean()),
        promised_far=method.promised_far,
        false_alarms=FalseAlarms.of(normal > 1.0, np.zeros(len(normal), bool), 1.0 / one.normal.rate_hz),
    )


def _labels(recording: Recording) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.zeros(len(recording.values), bool) if recording.labels is None else recording.labels


def table(results: list[MachineOutcome]) -> Rows:
    """Return one row per scenario and method, means over kinds of faults and seeds, and the spread over seeds."""
    rows: Rows = [
        ("machines", "method", "ROC-AUC", f"detected at {MATCHED_FAR:.0%} FAR", "detected", "promised FAR", "FAR",
         heading(DAY_S))
    ]  # fmt: skip
    for scenario, method in dict.fromkeys((one.scenario, one.method) for one in results):
        mine = [one for one in results if (one.scenario, one.method) == (scenario, method)]
        rows.append((
            scenario,
            method,
            spread((mean(one.roc_auc.values()) for one in mine), ".3f"),
            spread((mean(one.matched.values()) for one in mine), ".1%"),
            spread((mean(one.detected.values()) for one in mine), ".1%"),
            percent(mean(one.promised_far for one in mine)),
            spread((one.far for one in mine), ".1%"),
            spread((one.false_alarms.per(DAY_S) for one in mine), ".1f"),
        ))  # fmt: skip
    return rows


def fault_table(results: list[MachineOutcome], scenario: str) -> Rows:
    """Return every method's detection of each kind of fault, means over the seeds."""
    rows: Rows = [("fault", *METHODS)]
    chosen = [one for one in results if one.scenario == scenario]
    for kind in KINDS:
        cells = (percent(mean(one.matched[kind] for one in chosen if one.method == method)) for method in METHODS)
        rows.append((kind, *cells))
    return rows
