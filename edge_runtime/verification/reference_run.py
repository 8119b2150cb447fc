"""Repeating on the device what export measured on the workstation.

A model file carries a few normal windows and some with synthetic faults, with its own codes and scores. `verify` checks
the file's integrity, runs those windows here, and compares whether the same windows alarm and the faulty ones rank as
before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import BoolArray, FloatArray
from edge_runtime.errors import ModelFileError
from edge_runtime.inference.detector import Detector
from edge_runtime.model_file.container import ModelFile
from edge_runtime.model_file.manifest import Parity, ParityLimits
from edge_runtime.verification.parity import Side, compare, roc_auc, shortfalls

_MOST_WINDOWS = 32
_MOST_BYTES = 16 * 1024


@dataclass(frozen=True)
class Verification:
    """The result of `verify`.

    Parameters
    ----------
    parity : Parity
        Compared with the file's outputs at export, on its reference windows.
    failures : tuple of str
        Limits of the manifest that are violated here; empty if there are none.
    """

    parity: Parity
    failures: tuple[str, ...]


def reference_arrays(
    windows: FloatArray, is_faulty: BoolArray, codes: FloatArray, scores: FloatArray
) -> dict[str, FloatArray]:
    """Return the arrays that a file carries for `verify`: windows evenly spread, at most 32 and 16 KiB of them.

    Parameters
    ----------
    windows : ndarray of shape (n, window, sensors), float32
        Normal ones, then some with faults.
    is_faulty : ndarray of shape (n,), bool
    codes, scores : ndarray of shape (n, units) and (n,), float32
        The exported file's outputs for them.
    """
    count = max(2, min(_MOST_WINDOWS, _MOST_BYTES // windows[0].nbytes))
    chosen = np.unique(np.concatenate([_spread(np.flatnonzero(part), count // 2) for part in (~is_faulty, is_faulty)]))
    return {
        "reference_windows": windows[chosen],
        "reference_faulty": is_faulty[chosen].astype(np.float32),
        "reference_codes": codes[chosen],
        "reference_scores": scores[chosen],
    }


def _spread(rows: npt.NDArray[np.intp], count: int) -> npt.NDArray[np.intp]:
    return rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)] if len(rows) else rows


def verify(model: ModelFile, detector: Detector) -> Verification:
    """Run the reference windows of `model` in `detector`, which was made from it.

    Raises
    ------
    ModelFileError
        If the file has no reference windows.
    """
    if "reference_windows" not in model.arrays:
        raise ModelFileError(
            "the file has no reference windows: `saelite attach` made it without normal data or codes. "
            "Attach it again with --normal."
        )
    windows, faulty = model.arrays["reference_windows"], model.arrays["reference_faulty"] > 0
    before = Side(model.arrays["reference_codes"], model.arrays["reference_scores"])
    here = Side(detector.encode(windows), np.array([detector.score(window) for window in windows], np.float32))
    parity, limits = compare(before, here), model.manifest.parity_limits
    if faulty.any() and not faulty.all():
        parity = parity._replace(roc_auc_full=roc_auc(before.scores, faulty), roc_auc=roc_auc(here.scores, faulty))
        # With so few windows, the area is only accurate to one pair of them.
        pairs = int(faulty.sum()) * int((~faulty).sum())
        limits = ParityLimits(limits.alarm_agreement, limits.auc_loss + 1.0 / pairs)
    return Verification(parity, shortfalls(parity, limits))
