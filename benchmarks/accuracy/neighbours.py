"""SKAB's recipe with one of its settings changed at a time: a choice is worth something where its neighbours agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
from export.threshold import fit_threshold

from benchmarks.accuracy.real_path import detectors, part_of, relative_scores
from benchmarks.accuracy.skab import RECIPE, TRAIN_ROWS, Outcome, count
from edge_runtime.detector import Detector
from edge_runtime.judging import Judge
from edge_runtime.preprocessing import sliding_windows
from edge_runtime.smoothing import Smoother
from training.recordings import Recording

SPANS, FACTORS, RATES = (20, 30), (1.5, 1.65, 1.95, 2.1), (0.0, 0.005, 0.015)
CHOSEN = "the recipe"


def neighbours() -> dict[str, tuple[int, float, float]]:
    """Return smoothing span, threshold factor and mean rate of the recipe and of each neighbour, by name."""
    settings = RECIPE.settings
    span, factor, rate = settings.smoothing_span, settings.threshold_rule.factor, settings.mean_rate
    return {
        CHOSEN: (span, factor, rate),
        **{f"span {other}": (other, factor, rate) for other in SPANS},
        **{f"factor {other:g}": (span, other, rate) for other in FACTORS},
        **{f"mean rate {other:g}": (span, factor, other) for other in RATES},
    }


def outcomes(
    found: Iterable[tuple[Recording, bool]], seeds: Iterable[int], on_step: Callable[[str], None] = lambda _: None
) -> list[Outcome]:
    """Return what each neighbour's int8 files do; all of them share one training per recording and seed."""
    results = []
    for recording, is_normal in found:
        normal = part_of(recording, TRAIN_ROWS)
        labels = np.zeros(len(recording.values), bool) if recording.labels is None else recording.labels
        for seed in seeds:
            on_step(f"{recording.name}, seed {seed}")
            detector = detectors(normal, RECIPE.with_seed(seed))["int8"]
            for name, choice in neighbours().items():
                alarms = relative_scores(_judge(detector, normal, *choice), recording) > 1.0
                results.append(Outcome(recording.name, name, seed, is_normal, count(labels, alarms)))
    return results


def _judge(detector: Detector, normal: Recording, span: int, factor: float, rate: float) -> Judge:
    """Return the detector's judge as export would have made it with these settings."""
    spec = detector.manifest.spec
    spec = spec._replace(scoring=spec.scoring._replace(smoothing_span=span, mean_rate=rate))
    chosen = [normal.sensors.index(name) for name in spec.sensor_names]
    scores = detector.score_many(sliding_windows(normal.values[:, chosen], spec.preprocessing.window))
    rule = replace(RECIPE.settings.threshold_rule, factor=factor)
    return Judge(detector.score_many, spec, fit_threshold(Smoother(span).update_many(scores), rule).value)
