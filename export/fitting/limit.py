"""The limit of the smoothed score that keeps a false-alarm budget, and what can honestly be promised.

Scores of windows that were fitted on are too low, and smoothed scores resemble their neighbours: a quantile of them
promises nothing. So each block of the recording is scored by a head fitted on the others, and the limit is read off
Student's t on the logarithms of these scores, with as many degrees of freedom as there are independent scores::

    limit = exp(mean + t(1 - p; n_eff - 1) * sd * sqrt(1 + 1 / n_eff))

``p`` is the share of windows above the limit that the budget allows: alarms come as often as runs of windows above,
which are as long as scores remember, ``tau = n / n_eff`` windows.

References
----------
Hahn and Meeker (1991), Statistical intervals, chapter 4: prediction and tolerance limits of a normal sample.
Sokal (1997), Monte Carlo methods in statistical mechanics: integrated autocorrelation time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
_TINY = 1e-30
_FEWEST = 3.0
_UNCORRELATED = 0.05
_MOST_SHARE = 0.2
# What n independent scores show nothing of cannot be promised: the tail is followed to ten times as rare.
_EXTRAPOLATION = 10.0
_CONFIDENCE = 0.95
# Scores farther out than this many robust deviations are a fault in the recording and not its tail.
_FAR_OUT = 8.0
_MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True)
class Limit:
    """A fitted limit.

    Parameters
    ----------
    value : float
        Of the smoothed score.
    n_windows : int
        Normal windows it was fitted on.
    n_effective : float
        Independent scores among them.
    share : float
        Share of normal windows expected above the limit.
    share_upper : float
        The same at 95 % confidence.
    share_wanted : float
        What the budget asked for; below `share` where the recording is too short to promise it.
    """

    value: float
    n_windows: int
    n_effective: float
    share: float
    share_upper: float
    share_wanted: float

    @property
    def memory(self) -> float:
        """Windows after which a score says something new."""
        return self.n_windows / self.n_effective

    @property
    def windows_needed(self) -> float:
        """Normal windows that would be enough to promise what was wanted."""
        return self.memory / (_EXTRAPOLATION * self.share_wanted)


def effective_size(values: Floats) -> float:
    """Return how many independent values so many autocorrelated ones are worth.

    >>> rng = np.random.default_rng(0)
    >>> white = rng.normal(size=4000)
    >>> round(effective_size(white) / 4000, 1), round(effective_size(np.repeat(white[:400], 10)) / 400, 1)
    (1.0, 1.0)
    """
    n = len(values)
    centered = values - values.mean()
    power = float(centered @ centered)
    if n < 2 or power <= 0:
        return float(max(n, 1))
    spectrum = np.abs(np.fft.rfft(centered, 2 * n)) ** 2
    correlation = np.fft.irfft(spectrum)[: n // 2 + 1] / power
    below = np.flatnonzero(correlation < _UNCORRELATED)
    last = int(below[0]) if len(below) else len(correlation)
    memory = 1.0 + 2.0 * float(correlation[1:last].sum())
    return float(np.clip(n / max(memory, 1.0), min(_FEWEST, n), n))


def fit_limit(scores: Floats, alarms_per_window: float | None) -> Limit:
    """Fit the limit on smoothed scores of normal windows that the scoring head was not fitted on.

    Parameters
    ----------
    scores : ndarray of shape (n,), float64
        In time order.
    alarms_per_window : float or None
        The budget: alarms for each window scored. None asks for as much as the recording can promise.

    Examples
    --------
    >>> scores = np.exp(np.random.default_rng(1).normal(size=20_000))
    >>> limit = fit_limit(scores, alarms_per_window=0.001)
    >>> bool(0.0005 < (scores > limit.value).mean() < 0.002)
    True
    """
    logs = _without_faults(np.log(np.maximum(np.asarray(scores, np.float64), _TINY)))
    n = effective_size(logs)
    floor = 1.0 / (_EXTRAPOLATION * n)
    wanted = floor if alarms_per_window is None else min(alarms_per_window * len(logs) / n, _MOST_SHARE)
    share = min(max(wanted, floor), _MOST_SHARE)
    spread = float(logs.std(ddof=1)) if len(logs) > 1 else 1.0
    factor = float(stats.t.isf(share, max(n - 1.0, 1.0))) * np.sqrt(1.0 + 1.0 / n)
    value = float(np.exp(min(logs.mean() + factor * spread, 80.0)))
    return Limit(value, len(logs), n, share, _upper_share(factor, n), wanted)


def _upper_share(factor: float, n: float) -> float:
    """Return the share above ``mean + factor * sd`` that is not exceeded with 95 % confidence.

    By the large-sample variance of ``mean + factor * sd`` (Hahn and Meeker, section 4.6).
    """
    error = np.sqrt(1.0 / n + factor**2 / (2.0 * max(n - 1.0, 1.0)))
    return float(stats.norm.sf(factor - stats.norm.ppf(_CONFIDENCE) * error))


def _without_faults(logs: Floats) -> Floats:
    middle = np.median(logs)
    spread = _MAD_TO_SIGMA * np.median(np.abs(logs - middle))
    return logs[logs <= middle + _FAR_OUT * spread] if spread > 0 else logs
