"""Probation: the bound on alarms, against SciPy and against simulated machines; crashes."""

import numpy as np
import pytest
from scipy.stats import poisson

from edge_runtime.model_file.manifest import Threshold
from edge_runtime.registry.probation import CONFIDENCE, Probation, expected_alarms, poisson_limit, too_many_alarms

DAY_S = 86_400.0
WEEKLY = Threshold(1.0, "given", 0.0, 0, budget="1/week", promised=0.5, promised_upper=1.0)


@pytest.mark.parametrize("mean", [1e-9, 0.001, 1 / 7, 1.0, 5.0, 24.0, 700.0, 1e4, 3.3e6])
def test_limit_is_the_poisson_quantile(mean):
    assert poisson_limit(mean) == poisson.ppf(CONFIDENCE, mean)


@pytest.mark.parametrize(("mean", "limit"), [(1 / 7, 2), (1.0, 5), (24.0, 40)])
def test_limits_are_those_that_the_guide_gives(mean, limit):
    assert poisson_limit(mean) == limit


def test_nothing_expected_allows_nothing():
    assert poisson_limit(0.0) == 0


def test_model_that_keeps_its_promise_is_rolled_back_once_in_a_thousand_at_most_though_it_is_judged_at_every_alarm():
    rng = np.random.default_rng(0)
    limit, rate = poisson_limit(2.0), 2.0
    # The first time at which there are too many, of 200,000 probations of length 1.
    times = np.cumsum(rng.exponential(1 / rate, (200_000, limit + 1)), axis=1)
    share = float((times[:, -1] <= 1.0).mean())
    assert share == pytest.approx(poisson.sf(limit, 2.0), rel=0.3)
    assert share <= 1 - CONFIDENCE


def test_upper_bound_of_the_promise_counts():
    assert expected_alarms(Probation(), WEEKLY, DAY_S) == pytest.approx(1 / 7)
    assert too_many_alarms(Probation(alarms=2, watched_s=100.0), WEEKLY, DAY_S) == ""
    assert too_many_alarms(Probation(alarms=3, watched_s=100.0), WEEKLY, DAY_S) == (
        "3 alarms in 100 seconds: it promises so few that 99.9% of such models have at most 2 in 24 hours"
    )


def test_promise_per_reading_counts_the_results_of_the_whole_probation():
    threshold = WEEKLY._replace(budget="0.001/reading", promised_upper=0.001)
    probation = Probation(results=1000, watched_s=DAY_S / 10)
    assert expected_alarms(probation, threshold, DAY_S) == pytest.approx(10.0)
    assert expected_alarms(Probation(), threshold, DAY_S) is None


@pytest.mark.parametrize("change", [{"promised_upper": None}, {"budget": ""}, {"budget": "often"}])
def test_without_a_promise_alarms_are_not_judged(change):
    assert too_many_alarms(Probation(alarms=10**6, watched_s=1.0), WEEKLY._replace(**change), DAY_S) == ""


def test_absurd_promise_does_not_keep_the_processor_busy():
    assert expected_alarms(Probation(), WEEKLY._replace(promised_upper=1e300), DAY_S) is None
