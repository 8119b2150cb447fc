"""How far what a board computed is from what this machine computed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

CODE_STEP = 1 / 256  # an int8 sigmoid's output scale, fixed by TFLite
MAX_SINGLE_STEPS = 1
# Kernels for many windows may round the layer before the sigmoid the other way. One step of that layer, 16 / 255, times
# the sigmoid's slope of a quarter is four steps of the code.
MAX_BATCH_STEPS = 4
# ... and a score that is next to the threshold may then be on its other side.
MAX_BATCH_ALARMS = 1e-3


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
        """Whether the codes are as close as they must be, and the alarms the same but for rounding in batches."""
        close = self.single_steps <= MAX_SINGLE_STEPS and self.batch_steps <= MAX_BATCH_STEPS
        return close and self.stream_alarms == 0 and self.batch_alarms <= MAX_BATCH_ALARMS * self.n_windows


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
