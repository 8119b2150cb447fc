"""How far what a board computed is from what this machine computed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

CODE_STEP = 1 / 256  # an int8 sigmoid's output scale, fixed by TFLite
MAX_STEPS = 1


@dataclass(frozen=True)
class Agreement:
    """Differences between two runs over the same recording.

    Parameters
    ----------
    n_windows, n_alarms : int
        Windows compared; alarms of this machine.
    single_steps, batch_steps : float
        Largest difference of a code of windows given one by one and many at once, in steps of its int8 quantisation.
    equal_codes : float
        Share of the latter codes that are the same number.
    stream_difference : float
        Largest relative difference of a streamed score.
    stream_alarms, batch_alarms : int
        Streamed readings, and windows given many at once, that alarm on one of the two only.
    """

    n_windows: int
    n_alarms: int
    single_steps: float
    batch_steps: float
    equal_codes: float
    stream_difference: float
    stream_alarms: int
    batch_alarms: int

    @property
    def is_good(self) -> bool:
        """Whether the codes are identical or within one step, and the alarms the same."""
        close = max(self.single_steps, self.batch_steps) <= MAX_STEPS
        return close and self.stream_alarms == self.batch_alarms == 0


def compare(here: Path, there: Path) -> Agreement:
    """Compare two files written by ``outputs.py``."""
    with np.load(here, allow_pickle=False) as ours, np.load(there, allow_pickle=False) as theirs:
        single, batch = (_steps(ours[name], theirs[name]) for name in ("single_codes", "codes"))
        streamed = ours["streamed_scores"]
        return Agreement(
            n_windows=len(ours["scores"]),
            n_alarms=int(ours["alarms"].sum()),
            single_steps=float(single.max()),
            batch_steps=float(batch.max()),
            equal_codes=float((batch == 0).mean()),
            stream_difference=float((np.abs(streamed - theirs["streamed_scores"]) / streamed).max()),
            stream_alarms=int((ours["streamed_alarms"] != theirs["streamed_alarms"]).sum()),
            batch_alarms=int((ours["alarms"] != theirs["alarms"]).sum()),
        )


def _steps(ours: Any, theirs: Any) -> Any:
    """Return differences of codes in steps; rounded, as a code is a float32 near a multiple of a step."""
    return np.rint(np.abs(ours.astype(np.float64) - theirs) / CODE_STEP)
