"""Searching for the settings that have a `search` in `training.settings`, without labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import optuna

from edge_runtime.common.setting import Range
from edge_runtime.errors import UsageError
from training.pipeline import train
from training.recordings import Recording
from training.settings import DetectorSettings, searched
from training.trained_run import TrainedRun


@dataclass(frozen=True)
class TuningTrial:
    """Settings that were tried, and their score: the higher the better."""

    number: int
    score: float
    settings: DetectorSettings


def tune(  # noqa: PLR0913 - what to search on, what for, and how to follow it
    recording: Recording,
    settings: DetectorSettings,
    storage: Path,
    trials: int,
    judge: Callable[[TrainedRun], float],
    on_trial: Callable[[TuningTrial], None] = lambda _: None,
) -> list[TuningTrial]:
    """Try settings until there are `trials` of them; return all of them, best first.

    `judge` gives the value to maximise. The first trial takes the defaults. Each trial is stored when it ends, so an
    interrupted search resumes from the same file.

    Parameters
    ----------
    settings : DetectorSettings
        The settings that are not searched for.
    storage : Path
        SQLite file; created if it does not exist.
    judge : callable
        Returns how good a trained run is; higher is better.

    Raises
    ------
    UsageError
        If the file belongs to a search on another recording, or with other settings.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name="saelite",
        storage=f"sqlite:///{storage.absolute()}",
        direction="maximize",
        load_if_exists=True,
    )
    _claim(study, recording, settings, storage)
    # A resumed search must not repeat its first draws.
    study.sampler = optuna.samplers.TPESampler(seed=settings.seed + len(study.trials))
    if not study.trials:
        study.enqueue_trial({name: getattr(DetectorSettings, name) for name in searched()})

    def objective(trial: optuna.Trial) -> float:
        return judge(train(recording, _suggest(trial, settings)))

    def found(trial: optuna.trial.FrozenTrial) -> TuningTrial:
        value = float("nan") if trial.value is None else trial.value
        return TuningTrial(trial.number, value, replace(settings, **trial.params))

    missing = trials - len(_finished(study))
    if missing > 0:
        study.optimize(objective, missing, callbacks=[lambda _, trial: on_trial(found(trial))])
    return sorted(map(found, _finished(study)), key=lambda trial: -trial.score)


def _claim(study: optuna.Study, recording: Recording, settings: DetectorSettings, storage: Path) -> None:
    """Write down what the study is on, or see that it is this."""
    fixed = {name: value for name, value in asdict(settings).items() if name not in searched()}
    rows = (recording.sensors, len(recording.values), recording.skipped, recording.repaired, recording.only_when)
    asked = {"data": recording.sha256, "settings": json.dumps([fixed, rows])}
    for name, what in (("data", "on another recording"), ("settings", "with other options")):
        if study.trials and study.user_attrs.get(name) != asked[name]:
            raise UsageError(f"{storage} holds a search {what}. Choose another --storage.")
        study.set_user_attr(name, asked[name])


def _suggest(trial: optuna.Trial, settings: DetectorSettings) -> DetectorSettings:
    drawn: dict[str, Any] = {
        name: trial.suggest_float(name, space.low, space.high, log=True)
        if isinstance(space, Range)
        else trial.suggest_categorical(name, space)
        for name, space in searched().items()
    }
    return replace(settings, **drawn)


def _finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
