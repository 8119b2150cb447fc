"""Quantiles of the normal, Student's t and the Poisson distribution, for devices without SciPy.

References
----------
Press, Teukolsky, Vetterling and Flannery (2007), Numerical recipes, section 6.4: the incomplete beta function.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

_NORMAL = NormalDist()
_MOST_TERMS = 10_000
_ACCURACY = 1e-15
_TINY = 1e-300
_MOST_STEPS = 200
# The Poisson distribution is counted up to this many standard deviations above its mean.
_REACH = 12.0


def normal_quantile_above(share: float) -> float:
    """Return what a standard normal value exceeds with probability `share`.

    >>> round(normal_quantile_above(0.05), 4)
    1.6449
    """
    return -_NORMAL.inv_cdf(share)


def normal_share_above(value: float) -> float:
    """Return how often a standard normal value exceeds `value`.

    >>> round(normal_share_above(1.6449), 4)
    0.05
    """
    return 0.5 * math.erfc(value / math.sqrt(2.0))


def t_share_above(value: float, freedom: float) -> float:
    """Return how often Student's t exceeds `value`, with so many degrees of freedom.

    >>> round(t_share_above(1.812, 10), 4)
    0.05
    """
    square = value * value
    tail = 0.5 * _incomplete_beta(0.5 * freedom, freedom / (freedom + square), square / (freedom + square))
    return tail if value >= 0 else 1.0 - tail


def t_quantile_above(share: float, freedom: float) -> float:
    """Return what Student's t exceeds with probability `share`.

    By Newton's steps between the logarithms of value and share, which are on a line far out; by halving where a step
    leaves the interval that holds the value.

    >>> round(t_quantile_above(0.05, 10), 4)
    1.8125
    """
    if share > 0.5:
        return -t_quantile_above(1.0 - share, freedom)
    if share == 0.5:
        return 0.0
    low, high = 0.0, 1.0
    while t_share_above(high, freedom) > share:
        low, high = high, 2.0 * high
    value = 0.5 * (low + high)
    for _ in range(_MOST_STEPS):
        found = t_share_above(value, freedom)
        low, high = (value, high) if found > share else (low, value)
        step = math.log(found / share) * found / (value * _t_density(value, freedom))
        # One end of the interval may stay far away.
        if abs(step) < _ACCURACY:
            return value * math.exp(step)
        nearer = value * math.exp(step) if step < 1.0 else high
        value = nearer if low < nearer < high else 0.5 * (low + high)
        if value in (low, high):
            break
    return high


def poisson_quantile(share: float, mean: float) -> int:
    """Return the smallest count that a Poisson variable does not exceed with probability `share`.

    >>> poisson_quantile(0.95, 1.0)
    3
    """
    most = int(mean + _REACH * math.sqrt(mean) + _REACH)
    counts = np.arange(1, most + 1)
    logs = np.concatenate([[0.0], np.cumsum(np.log(mean) - np.log(counts))]) - mean
    return int(np.searchsorted(np.cumsum(np.exp(logs)), share))


def _t_density(value: float, freedom: float) -> float:
    half = 0.5 * (freedom + 1.0)
    front = math.lgamma(half) - math.lgamma(0.5 * freedom) - 0.5 * math.log(math.pi * freedom)
    return math.exp(front - half * math.log1p(value * value / freedom))


def _incomplete_beta(a: float, x: float, rest: float) -> float:
    """Return the regularised incomplete beta function ``I_x(a, 1/2)``; `rest` is 1 - x, to its last digit."""
    if rest <= 0.0:
        return 1.0
    b = 0.5
    log_x, log_rest = (math.log1p(-rest), math.log(rest)) if rest < b else (math.log(x), math.log1p(-x))
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * log_x + b * log_rest)
    # Where the continued fraction converges fast; the other side is its mirror image.
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _fraction(a, b, x) / a
    return 1.0 - front * _fraction(b, a, rest) / b


def _fraction(a: float, b: float, x: float) -> float:
    """Return the continued fraction of the incomplete beta function, by Lentz's method."""
    c, d = 1.0, 1.0 / _not_zero(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, _MOST_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d, c = 1.0 / _not_zero(1.0 + term * d), _not_zero(1.0 + term / c)
            value *= c * d
        if abs(c * d - 1.0) < _ACCURACY:
            break
    return value


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
