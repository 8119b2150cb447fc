"""From a recording to a trained run: what `saelite.train` does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_runtime.common.setting import settings_of
from saelite.chip_budget import sized_for
from saelite.chip_options import ChipOptions
from saelite.recordings import read_recording
from saelite.signatures import takes_all
from saelite.workstation import require_workstation
from training.settings import DetectorSettings

if TYPE_CHECKING:
    from training.recordings import Recording
    from training.recordings.column_table import InMemory
    from training.trained_run import TrainedRun


@dataclass(frozen=True, kw_only=True)
class _Settings(DetectorSettings, ChipOptions):
    """What to learn, and for which chip."""


@takes_all(_Settings)
def train(recording: str | Path | Recording | InMemory, **settings: Any) -> TrainedRun:
    """Learn what normal looks like. Every row counts as normal; labels are never used.

    No setting is required: window, features and epochs are chosen from the recording. Head, smoothing and threshold are
    fitted on export. With a chip's memory, the network is sized to leave room for a head, and export keeps to it.

    Parameters
    ----------
    recording : str, Path, Recording, data frame or array-like of shape (n, sensors)
        See `saelite.read_recording`, which also chooses rows and columns.
    **settings
        Options of `saelite train`.

    Returns
    -------
    TrainedRun
        Its printed form shows what was learnt; `TrainedRun.save` writes a run folder, `saelite.export` a model file.

    Raises
    ------
    RecordingError
        If the recording cannot be read, is too short, or has sensors that a policy refuses.
    UsageError
        If a setting is invalid, or no head fits the chip.
    MissingExtraError
        If the workstation extra is not installed.
    """
    chip = ChipOptions(**{one.name: settings.pop(one.name) for one in settings_of(ChipOptions) if one.name in settings})
    chosen = DetectorSettings(**settings)
    require_workstation("train")
    from training.pipeline import train as learn
    from training.recordings import Recording
    from training.run_folder import ChipBudget

    normal = recording if isinstance(recording, Recording) else read_recording(recording)
    budget = ChipBudget(chip.max_flash, chip.max_ram)
    if any(budget):
        chosen, _ = sized_for(budget, normal, chosen)
    return learn(normal, chosen).for_chip(budget)
