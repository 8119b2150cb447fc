"""The limit of the smoothed score for a false-alarm budget, and the promise that the data support.

Scores of windows that were fitted on are too low, and smoothed scores resemble their neighbours: a quantile of them
promises nothing. So each block of the recording is scored by a head fitted on the others, and Student's t on the
logarithms of these scores gives the limit, with the number of independent scores for its degrees of freedom::

    limit = exp(mean + t(1 - p; n_eff - 1) * sd * sqrt(1 + 1 / n_eff))

That is the limit of the next score, in the mean over all recordings. A recording that is shorter than the budget's own
period, such as a week for 1/week, gets its upper tolerance limit instead, which is higher: with 95 % confidence, no
larger share than p lies above it::

    limit = exp(mean + k * sd),   k = z(p) + z(0.05) * sqrt(1 / n_eff + z(p)**2 / (2 * (n_eff - 1)))

Where there are a hundred independent scores or more, the highest of them may say that the tail is heavier than that;
the higher limit is taken. ``p`` is the share of windows above the limit that the budget allows: an alarm is a run of
windows above it, whose length is read off the runs above the 0.9 quantile. Runs above a higher level are shorter, of a
Gaussian process in proportion to 1 / level.

Neither rule sees bursts, far higher than all else and in fewer than a tenth of the windows, or how far a machine
wanders at times. So the recording itself is asked which alarms a limit would leave in it (`alarm_counts`). The budget
counts here even where the recording is too short to promise it: an hour that holds an alarm of its own does not speak
for a limit that is meant to alarm once a week.

A recording as long as the budget's own period says by this how high normal scores get. Mean, deviation and tail are
then those of the bulk of its scores. Peaks up to a fifth above the limit of the bulk are normal ones: of as many
recordings, the next one has one alarm above the highest peak of this one, two above the second highest. What is higher
is an accident, and there may be as many as the budget makes likely, by a quantile of a Poisson distribution: a few
faulty minutes that nobody knows of do not raise the limit. A shorter recording must be extrapolated from all that it
holds.

A recording often begins where the machine does. One that begins high, and reaches ten times the highest score after its
first fifth, is of a machine that settles; the limit is that of the rest.

References
----------
Hahn and Meeker (1991), Statistical intervals, chapter 4: prediction and tolerance limits of a normal sample.
Sokal (1997), Monte Carlo methods in statistical mechanics: integrated autocorrelation time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_runtime.fitting.alarm_counts import AlarmCounts, alarm_counts
from edge_runtime.fitting.distributions import (
    normal_quantile_above,
    normal_share_above,
    poisson_quantile,
    t_quantile_above,
)
from edge_runtime.fitting.moments import Floats
from edge_runtime.fitting.score_shape import TAIL, shape_of_all, shape_of_bulk

_TINY = 1e-30
_FEWEST = 3.0
_UNCORRELATED = 0.05
_MOST_SHARE = 0.2
# n independent scores cannot support any promise: the tail is extrapolated to a rate of 1 / (10 n), no further.
_EXTRAPOLATION = 10.0
_CONFIDENCE = 0.95
# A recording in which the budget allows an alarm says itself how high normal scores get: rare ones among them may be
# accidents. A shorter one must be extrapolated from all that it holds, and one alarm more in it proves little.
_ENOUGH_ALARMS, _SURELY = 0.75, 0.99
# How far normal peaks may be above what the bulk of the scores says: a factor of 1.2.
_NORMAL_PEAK = float(np.log(1.2))
# Bursts are often all of one height: at that height, rounding would decide whether the next one alarms.
_MARGIN = 0.02
# A machine that settles does so in the first fifth, and is ten times as far out as ever after.
_SETTLING_SHARE, _SETTLING = 0.2, float(np.log(10.0))
# A sensor that hardly ever changes scores zero; in units of such a limit everything would be infinite.
_SMALLEST_LOG, _LARGEST_LOG = -7.0, 80.0
# With fewer degrees of freedom, the limit is so high that nothing would ever alarm.
_LEAST_FREEDOM = 10.0


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
        The share that the budget allows; below `share` if the recording is too short to promise it.
    run_length : float
        Mean number of windows that an alarm stays above the limit.
    n_settling : int
        Windows before these in which the machine settled.
    """

    value: float
    n_windows: int
    n_effective: float
    share: float
    share_upper: float
    share_wanted: float
    run_length: float
    n_settling: int = 0

    @property
    def windows_needed(self) -> float:
        """Number of normal windows needed to promise the budget."""
        return self.n_windows / self.n_effective / (_EXTRAPOLATION * self.share_wanted)


def effective_size(values: Floats) -> float:
    """Return the effective number of independent values among autocorrelated ones.

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
    # Of twice as many values or more; a power of two takes a fraction of the time of a number with large factors.
    spectrum = np.abs(np.fft.rfft(centered, 1 << (2 * n - 1).bit_length())) ** 2
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
        The budget: alarms per window scored. None asks for the lowest rate that the recording can promise.

    Examples
    --------
    >>> scores = np.exp(np.random.default_rng(1).normal(size=20_000))
    >>> limit = fit_limit(scores, alarms_per_window=0.001)
    >>> bool(0.00005 < (scores > limit.value).mean() < 0.002)
    True
    """
    logs = np.log(np.maximum(np.asarray(scores, np.float64), _TINY))
    settling = _settling(logs)
    logs = logs[settling:]
    n = effective_size(logs)
    run_length = _run_length(logs, alarms_per_window or 1.0 / (_EXTRAPOLATION * n))
    # If slow wandering leaves hardly any independent scores: at least one alarm per length of the recording.
    floor = min(1.0 / (_EXTRAPOLATION * n), run_length / len(logs))
    wanted = floor if alarms_per_window is None else min(alarms_per_window * run_length, _MOST_SHARE)
    share = min(max(wanted, floor), _MOST_SHARE)
    expected = min(share / run_length, alarms_per_window or np.inf) * len(logs)
    is_long = (alarms_per_window or 0.0) * len(logs) >= _ENOUGH_ALARMS
    shape = shape_of_bulk(logs) if is_long else shape_of_all(logs)
    factor = _prediction_factor(share, n) if is_long else _tolerance_factor(share, n)
    level = max(shape.mean + factor * shape.spread, shape.tail_level(n, share))
    counts = alarm_counts(logs)
    own = _above_normal_peaks(counts, level, expected) if is_long else -np.inf
    most = poisson_quantile(_CONFIDENCE if is_long else _SURELY, expected)
    value = max(level, own, counts.lowest_with(most) + _MARGIN)
    return Limit(
        float(np.exp(min(max(value, _SMALLEST_LOG), _LARGEST_LOG))),
        len(logs),
        n,
        share,
        _upper_share(share, n),
        wanted,
        run_length,
        settling,
    )


def _settling(logs: Floats) -> int:
    """Return how many scores at the beginning are those of a machine that settles.

    >>> _settling(np.repeat([5.0, 1.0, 2.0], [10, 60, 30]))
    10
    """
    first = int(_SETTLING_SHARE * len(logs))
    highest = logs[first:].max()
    if not first or logs[0] <= highest or logs[:first].max() <= highest + _SETTLING:
        return 0
    return int(np.flatnonzero(logs[:first] > highest)[-1]) + 1


def _run_length(logs: Floats, share: float) -> float:
    """Return the mean length of runs above the level that leaves about `share`, in windows."""
    above = logs > np.quantile(logs, 1.0 - TAIL)
    runs = int((np.diff(above.astype(np.int8), prepend=0) > 0).sum())
    level = normal_quantile_above(min(share, TAIL)) / normal_quantile_above(TAIL)
    return max(float(above.sum()) / max(runs, 1) / level, 1.0)


def _above_normal_peaks(counts: AlarmCounts, level: float, expected: float) -> float:
    """Return the limit that leaves as few of the normal peaks as the expected number of alarms asks for."""
    highest = level + _NORMAL_PEAK
    most = max(round(expected) - 1, 0)
    return min(counts.lowest_with(most + counts.above(highest)) + _MARGIN, highest)


def _upper_share(share: float, n: float) -> float:
    """Return the share above the prediction limit for `share` that is not exceeded with 95 % confidence."""
    factor = _prediction_factor(share, n)
    return normal_share_above(factor - normal_quantile_above(1.0 - _CONFIDENCE) * _error(factor, n - 1.0, n))


def _prediction_factor(share: float, n: float) -> float:
    """Return the factor with which the next score is above ``mean + factor * sd`` with probability `share`."""
    return t_quantile_above(share, max(n - 1.0, _LEAST_FREEDOM)) * float(np.sqrt(1.0 + 1.0 / n))


def _tolerance_factor(share: float, n: float) -> float:
    """Return the factor with which at most `share` lies above ``mean + factor * sd`` with 95 % confidence."""
    factor = normal_quantile_above(share)
    return factor + normal_quantile_above(1.0 - _CONFIDENCE) * _error(factor, max(n - 1.0, _LEAST_FREEDOM), n)


def _error(factor: float, freedom: float, n: float) -> float:
    """Return the large-sample standard error of ``mean + factor * sd``, in sd (Hahn and Meeker, section 4.6)."""
    return float(np.sqrt(1.0 / n + factor**2 / (2.0 * max(freedom, 1.0))))
