"""False alarms counted: a finished file on its own asset's normal windows."""

from __future__ import annotations

from edge_runtime.arrays import FloatArray
from edge_runtime.fitting.budget import UNITS_S, FalseAlarmBudget
from edge_runtime.fitting.promise import window_s_of
from edge_runtime.inference.detector import Detector
from edge_runtime.inference.runtimes import find_runtime
from edge_runtime.model_file.container import ModelFile
from edge_runtime.signal.smoothing import Smoother


def false_alarms_of(model: ModelFile, windows: FloatArray) -> tuple[float, float | None]:
    """Return how often normal windows score above a file's threshold.

    They are windows that the file was fitted on, so this is no promise for new ones; far more than was promised
    means that something is wrong.

    Parameters
    ----------
    model : ModelFile
    windows : ndarray of shape (n, window, sensors), float32
        In time order.

    Returns
    -------
    share : float
        Of windows above the threshold.
    rate : float or None
        Times the score rises above it, in the unit of the file's budget; None if the time is unknown.
    """
    manifest = model.manifest
    raw = Detector(model, find_runtime("auto")).score_many(windows)
    smoothed = Smoother(manifest.spec.scoring.smoothing_span).update_many(raw)
    above = smoothed > manifest.threshold.value
    rises = int(above[0]) + int((above[1:] & ~above[:-1]).sum())
    return float(above.mean()), _rate(
        rises, len(windows), manifest.threshold.budget, window_s_of(manifest.spec.preprocessing)
    )


def _rate(rises: int, windows: int, budget: str, window_s: float) -> float | None:
    unit = FalseAlarmBudget.parse(budget or FalseAlarmBudget().text).unit
    if unit == "reading":
        return rises / windows
    return rises * UNITS_S[unit] / (windows * window_s) if window_s else None
