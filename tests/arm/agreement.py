"""How far what a board computed is from what this machine computed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

SIGMOID_STEP = 1 / 256  # an int8 sigmoid's output scale, fixed by TFLite
MAX_CODE_STEPS = 1


@dataclass(frozen=True)
class Agreement:
    """Differences between two runs over the same recording.

    Parameters
    ----------
    n_windows, n_alarms : int
        Windows compared; alarms of this machine.
    equal_codes : float
        Share of codes that are the same number.
    max_code_steps : float
        Largest difference of a code, in steps of its int8 quantisation.
    max_score_difference : float
        Largest difference of a raw score, relative to the larger of the score and the median score.
    differing_alarms : int
        Windows, and streamed readings, that alarm on one of the two only.
    """

    n_windows: int
    n_alarms: int
    equal_codes: float
    max_code_steps: float
    max_score_difference: float
    differing_alarms: int

    @property
    def is_good(self) -> bool:
        """Whether codes are within one step and all alarms the same."""
        return self.max_code_steps < MAX_CODE_STEPS + 1e-3 and self.differing_alarms == 0


def compare(here: Path, there: Path) -> Agreement:
    """Compare two files written by ``outputs.py``."""
    with np.load(here, allow_pickle=False) as ours, np.load(there, allow_pickle=False) as theirs:
        difference = np.abs(ours["codes"].astype(np.float64) - theirs["codes"])
        scores = ours["scores"].astype(np.float64)
        scale = np.maximum(np.abs(scores), np.median(np.abs(scores)))
        return Agreement(
            n_windows=len(scores),
            n_alarms=int(ours["alarms"].sum()),
            equal_codes=float((difference == 0).mean()),
            max_code_steps=float(difference.max() / SIGMOID_STEP),
            max_score_difference=float((np.abs(scores - theirs["scores"]) / scale).max()),
            differing_alarms=sum(int((ours[name] != theirs[name]).sum()) for name in ("alarms", "streamed_alarms")),
        )
