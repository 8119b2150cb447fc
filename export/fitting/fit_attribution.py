"""Fitting the attribution on inputs that are all in memory."""

from __future__ import annotations

from edge_runtime.arrays import FloatArray
from edge_runtime.fitting import attribution as fitting
from edge_runtime.fitting.heads import moments_by_label
from edge_runtime.inference.attribution import Attribution, Modes
from edge_runtime.signal.preprocessing import Preprocessing


def fit_attribution(inputs: FloatArray, preprocessing: Preprocessing, mode: Modes, modes: int = 1) -> Attribution:
    """Fit on normal windows; see `edge_runtime.fitting.attribution.fit_attribution`.

    Parameters
    ----------
    inputs : ndarray of shape (n, d), float32
        Scaled inputs.
    preprocessing : Preprocessing
    mode : ndarray of shape (n,), int
        The mode of each window; all 0 if there is only one.
    modes : int
        Number of modes; a mode without windows is fitted on all windows.
    """
    diagonal = fitting.is_diagonal(inputs.shape[1])
    return fitting.fit_attribution(moments_by_label([inputs], lambda _: mode, modes, diagonal=diagonal), preprocessing)


def fit_bands(
    attribution: Attribution, inputs: FloatArray, preprocessing: Preprocessing, mode: Modes
) -> tuple[float, ...]:
    """Return the standard deviation of each sensor's level around its expected value; empty if there is none.

    Parameters
    ----------
    inputs : ndarray of shape (n, d), float32
        Of normal windows.
    """
    return fitting.fit_bands(attribution, [inputs], preprocessing, lambda _: mode)
