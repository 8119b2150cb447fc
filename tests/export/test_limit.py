"""The limit of the smoothed score: what it promises, kept on data of the same kind that it never saw."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from edge_runtime.errors import UsageError
from edge_runtime.fitting.alarm_counts import alarm_counts, runs_above
from edge_runtime.fitting.budget import UNITS_S, FalseAlarmBudget
from edge_runtime.fitting.limit import Limit, effective_size, fit_limit
from edge_runtime.fitting.promise import threshold_of, window_s_of
from edge_runtime.fitting.score_shape import shape_of_bulk
from edge_runtime.signal.preprocessing import Preprocessing
from saelite.false_alarms import doubt, false_alarms


def ar1(n, phi, rng):
    """A stationary AR(1) process of variance 1, shape (n,)."""
    noise = rng.normal(size=n) * np.sqrt(1 - phi**2)
    noise[0] = rng.normal()
    for step in range(1, n):
        noise[step] += phi * noise[step - 1]
    return noise


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.8, 0.95])
def test_autocorrelated_values_are_worth_as_many_as_theory_says(phi):
    rng = np.random.default_rng(0)
    found = np.mean([effective_size(ar1(20_000, phi, rng)) for _ in range(8)])
    # The variance of the mean of an AR(1) process is that of n (1 - phi) / (1 + phi) independent values.
    assert found == pytest.approx(20_000 * (1 - phi) / (1 + phi), rel=0.15)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200))
def test_values_are_never_worth_more_than_there_are(values):
    assert 1 <= effective_size(np.array(values)) <= len(values)


@pytest.mark.parametrize("phi", [0.0, 0.8, 0.95])
@pytest.mark.parametrize("share", [0.01, 0.003])
def test_promised_share_is_kept_on_unseen_scores_of_the_same_process(phi, share):
    rng = np.random.default_rng(0)
    unseen, promised, upper = [], [], []
    for _ in range(20):
        scores = np.exp(0.7 * ar1(8_000, phi, rng) - 2)
        run_length = fit_limit(scores[:2_000], share).run_length
        limit = fit_limit(scores[:2_000], share / run_length)
        unseen.append(np.mean(scores[2_000:] > limit.value))
        promised.append(limit.share)
        upper.append(limit.share_upper)
    # The tail rule errs on the quiet side where scores have no tail but a normal one's.
    assert np.mean(promised) / 6 < np.mean(unseen) < 3 * np.mean(promised)
    # With 95 % confidence: of 20 fits one may be beyond, and chance may make it two more.
    assert np.sum(np.array(unseen) > upper) <= 3


def test_rare_bursts_do_not_alarm_more_often_than_the_budget_allows():
    rng = np.random.default_rng(0)
    scores = np.exp(0.1 * rng.normal(size=4_000))
    scores[::100] = 50.0
    limit = fit_limit(scores[:2_000], 1 / 2_000)
    assert (scores[2_000:] > limit.value).mean() < 1e-3


def test_a_single_burst_within_the_budget_does_not_decide():
    scores = np.exp(0.1 * np.random.default_rng(0).normal(size=2_000))
    quiet = fit_limit(scores, 1 / 2_000).value
    scores[700:710] = 50.0
    assert fit_limit(scores, 1 / 2_000).value < 3 * quiet


def test_an_accident_whose_score_moves_up_and_down_counts_once():
    rng = np.random.default_rng(0)
    scores = np.exp(0.1 * rng.normal(size=2_000))
    quiet = fit_limit(scores, 1 / 2_000).value
    scores[700:720:4] = 50.0
    assert fit_limit(scores, 1 / 2_000).value < 3 * quiet
    scores[100:2_000:400] = 50.0
    assert fit_limit(scores, 1 / 2_000).value > 50.0


def test_faulty_minutes_do_not_raise_the_limit_of_a_long_recording():
    rng = np.random.default_rng(0)
    scores = np.exp(0.3 * rng.normal(size=10_000))
    clean = fit_limit(scores, 1 / 10_000).value
    scores[3_000:3_200] *= 4.0
    scores[7_000:7_200] *= 4.0
    long, short = (fit_limit(scores, 1 / windows).value for windows in (10_000, 100_000))
    assert clean <= long < 3 * clean
    # Too short for an alarm to be expected in it, a recording has nothing to go by but all that it holds.
    assert short > 2 * long


def test_a_machine_that_wanders_alarms_about_as_often_in_the_next_week_as_promised():
    rng = np.random.default_rng(0)
    week, later = 10_000, []
    for _ in range(12):
        scores = np.exp(0.1 * ar1(2 * week, 0.99, rng) ** 2)
        limit = fit_limit(scores[:week], 1 / week).value
        later.append(alarm_counts(scores[week:]).above(limit))
    assert np.mean(later) < 2
    assert np.median(later) <= 1


def test_peaks_that_are_far_higher_do_not_excuse_the_normal_ones():
    rng = np.random.default_rng(0)
    scores = np.exp(0.1 * rng.normal(size=10_000))
    limit = fit_limit(scores, 1 / 10_000).value
    scores[2_000::4_000] = 1.1 * limit
    assert fit_limit(scores, 1 / 10_000).value > 1.1 * limit
    scores[8_000:8_050] = 50.0
    assert 1.1 * limit < fit_limit(scores, 1 / 10_000).value < 1.3 * limit


def test_machine_that_settles_in_the_beginning_has_the_limit_of_the_time_after():
    rng = np.random.default_rng(0)
    scores = np.exp(0.3 * rng.normal(size=2_000))
    settled = fit_limit(scores[300:], 1e-6)
    scores[:300] *= np.geomspace(1e4, 10, 300)
    with_beginning = fit_limit(scores, 1e-6)
    assert with_beginning.value == pytest.approx(settled.value, rel=0.1)
    assert with_beginning.n_settling == pytest.approx(300, abs=50)
    assert with_beginning.n_windows + with_beginning.n_settling == 2_000


def test_a_burst_soon_after_the_beginning_is_no_settling():
    scores = np.exp(0.3 * np.random.default_rng(0).normal(size=2_000))
    scores[200:250] *= 1e3
    limit = fit_limit(scores, 1e-6)
    assert limit.n_settling == 0
    assert limit.value > 1e2


def test_beginning_that_the_machine_comes_back_to_counts():
    scores = np.exp(0.3 * np.random.default_rng(0).normal(size=2_000))
    scores[:100] *= 1e3
    scores[1_500:1_600] *= 1e3
    assert fit_limit(scores, 1e-6).value > 1e3


def test_limit_of_a_long_recording_is_that_of_normal_scores_where_there_are_no_accidents():
    rng = np.random.default_rng(1)
    logs = 1.0 + 0.5 * rng.normal(size=50_000)
    limit = fit_limit(np.exp(logs), 1e-3)
    exact = 1.0 + 0.5 * stats.norm.isf(limit.share)
    # The exponential tail errs on the quiet side.
    assert exact - 0.02 < np.log(limit.value) < exact + 0.5


def test_a_recording_far_shorter_than_the_budget_has_no_alarm_of_its_own():
    # Few independent scores: no promise below an alarm every few hundred readings can be made.
    logs = np.sin(np.linspace(0, 6 * np.pi, 400))
    logs[[150, 300]] = 5.0
    limit = fit_limit(np.exp(logs), 1e-6)
    assert limit.share > 1000 * limit.share_wanted
    assert limit.value > np.exp(5.0)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=50))
def test_runs_above_each_level_are_those_one_counts(values):
    levels, runs = runs_above(np.array(values, np.float64))
    for level, count in zip(levels, runs, strict=True):
        above = [value > level for value in values]
        assert count == sum(now and not before for before, now in zip([False, *above], above, strict=False))


def test_limit_of_a_long_recording_is_the_t_prediction_limit_of_the_log_scores():
    scores = np.exp(np.random.default_rng(3).normal(1.0, 0.5, 90))
    limit = fit_limit(scores, 0.009)
    bulk, n = shape_of_bulk(np.log(scores)), limit.n_effective
    factor = stats.t(n - 1).ppf(1 - 0.009 * limit.run_length)
    assert limit.value == pytest.approx(np.exp(bulk.mean + factor * bulk.spread * np.sqrt(1 + 1 / n)))


def test_limit_of_a_short_recording_is_the_upper_tolerance_limit_of_the_log_scores():
    scores = np.exp(np.random.default_rng(3).normal(1.0, 0.5, 90))
    limit = fit_limit(scores, 0.008)
    logs, n = np.log(scores), limit.n_effective
    share = 0.008 * limit.run_length
    # The exact factor is a quantile of the noncentral t distribution (Hahn and Meeker, section 4.6).
    exact = stats.nct(n - 1, stats.norm.isf(share) * np.sqrt(n)).ppf(0.95) / np.sqrt(n)
    assert limit.value == pytest.approx(np.exp(logs.mean() + exact * logs.std(ddof=1)), rel=0.05)
    assert limit.share == pytest.approx(share)


def test_few_short_recordings_have_a_limit_that_is_too_low():
    rng = np.random.default_rng(5)
    limits = [fit_limit(np.exp(rng.normal(size=60)), 0.01).value for _ in range(100)]
    # Of the t prediction limit, two in five are: it is right in the mean, not each time.
    assert np.mean(np.array(limits) < np.exp(stats.norm.isf(0.01))) < 0.15


@settings(max_examples=50)
@given(st.integers(0, 2**32), st.integers(5, 500), st.floats(1e-6, 1.0), st.floats(1.05, 10.0), st.floats(1e-3, 1e3))
def test_a_smaller_budget_or_larger_scores_never_lower_the_limit(seed, n, budget, times, factor):
    scores = np.exp(np.random.default_rng(seed).normal(size=n))
    limit, stricter = fit_limit(scores, budget), fit_limit(scores, budget / times)
    assert limit.value <= stricter.value
    assert limit.share >= stricter.share
    assert limit.share <= limit.share_upper
    assert fit_limit(scores * factor, budget).value == pytest.approx(limit.value * factor)


def test_short_recording_is_asked_for_no_more_than_it_can_promise():
    scores = np.exp(np.random.default_rng(0).normal(size=200))
    limit, as_rare_as_possible = fit_limit(scores, 1e-9), fit_limit(scores, None)
    assert limit.share == pytest.approx(1 / (10 * limit.n_effective))
    assert (limit.value, limit.share) == (as_rare_as_possible.value, as_rare_as_possible.share)
    assert limit.share_wanted < limit.share == as_rare_as_possible.share_wanted


def test_skewed_scores_have_a_limit_by_their_tail():
    rng = np.random.default_rng(0)
    scores, unseen = (np.exp(rng.exponential(size=n)) for n in (4_000, 400_000))
    limit = fit_limit(scores, 0.003)
    assert np.mean(unseen > limit.value) == pytest.approx(limit.share, rel=0.5)


def test_runs_above_the_limit_are_as_long_as_they_were_seen_to_be():
    rng = np.random.default_rng(0)
    scores = np.exp(np.repeat(rng.normal(size=2_000), 10))
    limit = fit_limit(scores, 0.0005)
    # At the 0.9 quantile a run is ten windows, or a few times that by chance; further out it is shorter.
    assert 4 < limit.run_length < 10


@pytest.mark.parametrize("scores", [np.zeros(50), np.full(50, 3.0), np.array([2.0])])
def test_scores_that_do_not_vary_have_a_limit_all_the_same(scores):
    limit = fit_limit(scores, 0.01)
    assert np.isfinite(limit.value)
    assert limit.value >= scores.max() * (1 - 1e-9)


LONG = Limit(
    3.0, n_windows=100_000, n_effective=10_000.0, share=1e-4, share_upper=2e-4, share_wanted=1e-4, run_length=10.0
)
SHORT = Limit(3.0, n_windows=1_000, n_effective=100.0, share=1e-3, share_upper=4e-3, share_wanted=1e-5, run_length=10.0)


def test_promise_counts_runs_of_windows_above_the_limit():
    threshold = threshold_of(LONG, FalseAlarmBudget(1, "day"), window_s=2.0)
    # A day has 43,200 windows; 1 in 10,000 is above, in runs of ten.
    assert threshold.promised == pytest.approx(0.432)
    assert threshold.promised_upper == pytest.approx(0.864)
    assert (threshold.value, threshold.budget, threshold.more_s) == (1.0, "1/day", 0.0)
    assert "0.43 a day, at most 0.86 with 95 % confidence" in false_alarms(threshold)
    assert doubt(threshold) is None


def test_what_cannot_be_promised_says_how_much_more_to_record():
    threshold = threshold_of(SHORT, FalseAlarmBudget(1, "week"), window_s=60.0)
    # 1 in 100,000 needs 10,000 independent scores, of ten windows each: 99,000 minutes more.
    assert threshold.more_s == pytest.approx(99_000 * 60)
    assert "1000 windows amount to only 100 independent scores" in doubt(threshold)
    assert "Record 9.8 weeks more" in doubt(threshold)


def test_after_as_much_more_recording_the_budget_is_promised():
    rng, budget, window_s = np.random.default_rng(0), FalseAlarmBudget(2, "hour"), 1.0
    per_window = budget.per_window(window_s)
    first = threshold_of(fit_limit(np.exp(rng.normal(size=60)), per_window), budget, window_s)
    enough = 60 + int(np.ceil(first.more_s / window_s)) + 10
    assert first.promised > 2
    again = threshold_of(fit_limit(np.exp(rng.normal(size=enough)), per_window), budget, window_s)
    assert again.promised == pytest.approx(2, rel=0.1)


def test_without_time_shares_are_promised_and_no_alarms_a_week():
    threshold = threshold_of(SHORT, FalseAlarmBudget(), window_s=window_s_of(Preprocessing("none", (0.0,), (1.0,))))
    assert threshold.promised is threshold.promised_upper is None
    assert threshold.more_s == 0
    assert "0.10% of normal windows, at most 0.40%" in false_alarms(threshold)


def test_a_budget_by_reading_is_promised_without_time():
    threshold = threshold_of(LONG, FalseAlarmBudget(1e-5, "reading"), window_s=0.0)
    assert threshold.promised == pytest.approx(1e-5)
    assert threshold.budget == "1e-05/reading"


@given(st.floats(1e-3, 1e6), st.sampled_from([*UNITS_S]), st.floats(1e-3, 3600))
def test_budgets_of_every_unit_are_alarms_for_each_window(count, unit, window_s):
    text = f"{count:.6f}"
    for form in (f"{text}/{unit}", f" {text} per {unit}s "):
        budget = FalseAlarmBudget.parse(form)
        seconds = {"hour": 3600, "day": 24 * 3600, "week": 7 * 24 * 3600, "month": 365.25 / 12 * 24 * 3600}[unit]
        assert budget.per_window(window_s) == pytest.approx(float(text) * window_s / seconds)
    assert budget.per_window(0.0) is None


@pytest.mark.parametrize(
    "text", ["", "1", "0/week", "-1/day", "1/fortnight", "one/week", "1.2.3/day", "./day", "1/week!"]
)
def test_what_is_no_budget_is_refused_with_what_was_expected(text):
    with pytest.raises(UsageError, match=r"--false-alarms: expected a number above 0 per hour.*Received: '"):
        FalseAlarmBudget.parse(text)
