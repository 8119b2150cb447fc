"""Whether a recording is a time series or a table of independent rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.recordings.recording import Recording

Floats = npt.NDArray[np.float64]
_ROWS = 20_000
_QUANTILE = 0.75
_CORRELATED = 0.2
# A quarter of the sensors of rows without order exceed this many standard errors by chance in one of a thousand tables.
_STANDARD_ERRORS = 4.0


@dataclass(frozen=True)
class Nature:
    """What was found.

    Parameters
    ----------
    is_series : bool
        Whether a row resembles the row before it, or has a time.
    autocorrelation : float
        Autocorrelation of successive rows: the upper quartile over the sensors.
    """

    is_series: bool
    autocorrelation: float


def nature_of(recording: Recording) -> Nature:
    """Measure how much successive rows resemble each other, in the recording's first rows."""
    rows = np.asarray(recording.values[:_ROWS], np.float64)
    correlations = np.abs(autocorrelations(rows[:, np.ptp(rows, axis=0) > 0]))
    found = float(np.quantile(correlations, _QUANTILE)) if len(correlations) else 0.0
    is_correlated = found > max(_CORRELATED, _STANDARD_ERRORS / np.sqrt(max(len(rows), 1)))
    return Nature(bool(recording.rate_hz > 0 or is_correlated), found)


def autocorrelations(rows: Floats) -> Floats:
    """Return each column's autocorrelation at a lag of one row, shape (columns,); 0 for a constant column."""
    centered = rows - rows.mean(axis=0)
    power = np.square(centered).sum(axis=0)
    products = (centered[:-1] * centered[1:]).sum(axis=0)
    return np.asarray(np.divide(products, power, out=np.zeros_like(power), where=power > 0))
