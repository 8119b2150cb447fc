"""Searching for code size, ρ, penalty weight and window, without labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import optuna

from edge_runtime.errors import UsageError
from training.pipeline import DetectorSettings, TrainedRun, train
from training.recordings import Recording

_CODE_SIZES = (8, 16, 32, 64, 128)
_WINDOWS = (1, 2, 3, 5, 8)


@dataclass(frozen=True)
class Trial:
    """One setting that was tried, and its score; higher is better."""

    number: int
    score: float
    code_size: int
    rho: float
    alpha: float
    window: int


def tune(  # noqa: PLR0913 - what to search on, what for, and how to follow it
    recording: Recording,
    settings: DetectorSettings,
    storage: Path,
    trials: int,
    judge: Callable[[TrainedRun], float],
    on_trial: Callable[[Trial], None] = lambda _: None,
) -> list[Trial]:
    """Try settings until there are `trials` of them; return all of them, best first.

    `judge` gives the value to maximise. Each trial is stored when it ends, so an interrupted search resumes from the
    same file.

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
        If the file belongs to a search on another recording.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name="saelite",
        storage=f"sqlite:///{storage.absolute()}",
        direction="maximize",
        load_if_exists=True,
    )
    if study.user_attrs.get("data", recording.sha256) != recording.sha256:
        raise UsageError(f"{storage} holds a search on another recording. Choose another --storage.")
    study.set_user_attr("data", recording.sha256)
    # A resumed search must not repeat its first draws.
    study.sampler = optuna.samplers.TPESampler(seed=settings.training.seed + len(study.trials))

    def objective(trial: optuna.Trial) -> float:
        return judge(train(recording, _suggest(trial, settings)))

    missing = trials - len(_finished(study))
    if missing > 0:
        study.optimize(objective, missing, callbacks=[lambda _, frozen: on_trial(_trial(frozen))])
    return sorted(map(_trial, _finished(study)), key=lambda trial: -trial.score)


def _suggest(trial: optuna.Trial, settings: DetectorSettings) -> DetectorSettings:
    return replace(
        settings,
        code_size=trial.suggest_categorical("code_size", _CODE_SIZES),
        rho=trial.suggest_float("rho", 0.01, 0.3, log=True),
        alpha=trial.suggest_float("alpha", 0.001, 1.0, log=True),
        window=trial.suggest_categorical("window", _WINDOWS),
    )


def _finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))


def _trial(frozen: optuna.trial.FrozenTrial) -> Trial:
    value = float("nan") if frozen.value is None else frozen.value
    return Trial(frozen.number, value, **frozen.params)
