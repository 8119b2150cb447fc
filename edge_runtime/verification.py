"""Repeating on the device what the exporter saw on the workstation.

A model file carries a few held-out windows with the full model's codes and scores and with its own scores.
`verify` checks the file's integrity, runs those windows here, and compares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_runtime.detector import Detector
from edge_runtime.errors import ModelFileError
from edge_runtime.manifest import Parity
from edge_runtime.model_file import ModelFile
from edge_runtime.parity import Side, compare, shortfalls
from edge_runtime.preprocessing import FloatArray
from edge_runtime.run_folder import NormalWindows

_MOST_WINDOWS = 32
_MOST_BYTES = 16 * 1024
# Fewer windows have a largest difference, but no correlation worth the name.
_ENOUGH_TO_CORRELATE = 16


@dataclass(frozen=True)
class Verification:
    """What `verify` found.

    Parameters
    ----------
    parity : Parity
        Against the full model, on the file's reference windows.
    score_difference : float
        Largest difference from the scores the file gave when it was exported, relative to the threshold.
    failures : tuple of str
        Limits of the manifest that are not kept here; empty if all is well.
    """

    parity: Parity
    score_difference: float
    failures: tuple[str, ...]


def reference_arrays(windows: NormalWindows, file_scores: FloatArray) -> dict[str, FloatArray]:
    """Return the arrays that a file carries for `verify`: held-out windows, evenly spread, at most 16 KiB of them.

    Parameters
    ----------
    file_scores : ndarray of shape (m,), float32
        The exported file's own raw scores of the held-out windows.
    """
    count = max(1, min(_MOST_WINDOWS, _MOST_BYTES // windows.held_out[0].nbytes, len(windows.held_out)))
    chosen = np.linspace(0, len(windows.held_out) - 1, count).astype(int)
    return {
        "reference_windows": windows.held_out[chosen],
        "reference_codes": windows.held_out_codes[chosen],
        "reference_scores": windows.held_out_scores[chosen],
        "reference_file_scores": file_scores[chosen],
    }


def verify(model: ModelFile, detector: Detector) -> Verification:
    """Run the reference windows of `model` in `detector`, which was made from it.

    Raises
    ------
    ModelFileError
        If the file carries none.
    """
    if "reference_windows" not in model.arrays:
        raise ModelFileError(
            "the file carries no reference windows to repeat: an older saelite wrote it, or `saelite attach` without "
            "normal data or codes. Make it again."
        )
    windows, threshold = model.arrays["reference_windows"], model.manifest.threshold.value
    scores = np.array([detector.score(window) for window in windows], np.float32)
    full = Side(model.arrays["reference_codes"], model.arrays["reference_scores"], threshold)
    parity = compare(full, Side(detector.encode(windows), scores, threshold))
    checked = parity if len(windows) >= _ENOUGH_TO_CORRELATE else _without_correlations(parity)
    difference = np.abs(scores - model.arrays["reference_file_scores"]).max() / max(threshold, 1e-30)
    return Verification(parity, float(difference), shortfalls(checked, model.manifest.parity_limits))


def _without_correlations(parity: Parity) -> Parity:
    return Parity(parity.n_windows, parity.codes_max_difference, 1.0, 1.0, 1.0, parity.alarm_agreement)
