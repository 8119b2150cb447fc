"""What follows a machine as it changes: drift, streaming thresholds."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from machines import pump_rows, write_csv
from scipy import stats

from edge_runtime.errors import UsageError
from edge_runtime.model_file.json_codec import from_json, to_json
from edge_runtime.signal.smoothing import Smoother
from edge_runtime.streaming.adaptation.drift import DriftMeter, DriftState, divergence, fit_drift_limit
from edge_runtime.streaming.adaptation.pareto import fit_pareto
from edge_runtime.streaming.adaptation.spot import Spot, SpotSettings, SpotState


def codes(n, rho=0.2, units=4, seed=0):
    return np.random.default_rng(seed).beta(2, 2 / rho - 2, (n, units)).astype(np.float32)


def test_divergence_is_the_entropy_of_coins():
    p, q = np.array([0.1, 0.6]), np.array([0.3, 0.2])
    expected = sum(stats.entropy([a, 1 - a], [b, 1 - b]) for a, b in zip(p, q, strict=True))
    assert divergence(p, q) == pytest.approx(expected)


def test_dead_and_saturated_codes_have_a_finite_drift():
    assert 0 < divergence([0.0, 1.0], [1.0, 0.0]) < 100


def test_drift_stays_below_its_limit_on_normal_codes_and_passes_it_when_the_machine_changes():
    normal = codes(4096)
    limit = fit_drift_limit(normal)
    meter = DriftMeter(normal.mean(axis=0), limit.window)
    assert np.nanmax(meter.update_many(codes(20_000, seed=1))) < limit.limit
    assert meter.update_many(codes(1000, rho=0.35, seed=2))[-1] > 5 * limit.limit


def test_too_few_windows_give_no_limit():
    assert fit_drift_limit(codes(100)) is None


def test_drift_is_that_of_the_last_windows():
    meter = DriftMeter([0.2] * 4, window=64)
    stream = codes(1000)
    drifts = meter.update_many(stream)
    assert drifts[63] == pytest.approx(divergence([0.2] * 4, stream[:64].mean(axis=0, dtype=float)), rel=1e-4)
    assert drifts[991] == pytest.approx(divergence([0.2] * 4, stream[928:992].mean(axis=0, dtype=float)), rel=1e-4)


@given(st.lists(st.integers(1, 70), min_size=1, max_size=8), st.integers(1, 90))
def test_drift_is_the_same_in_blocks_and_after_a_restart(sizes, window):
    stream = codes(sum(sizes))
    whole = DriftMeter([0.2] * 4, window).update_many(stream)
    meter, parts = DriftMeter([0.2] * 4, window), []
    for block in np.split(stream, np.cumsum(sizes)[:-1]):
        parts.append(meter.update_many(block))
        again = DriftMeter([0.2] * 4, window)
        again.state = from_json(DriftState, to_json(meter.state))
        meter = again
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-3, atol=1e-6)


def test_state_of_another_model_is_passed_over():
    meter = DriftMeter([0.2] * 4, 16)
    meter.state = DriftState(((1.0,),), (1.0,), 3)
    assert np.isnan(meter.value)


@pytest.mark.parametrize("shape", [-0.3, 0.0, 0.2, 0.7])
@pytest.mark.parametrize("n", [50, 2000])
def test_pareto_fit_is_as_likely_as_the_one_of_scipy(shape, n):
    values = stats.genpareto.rvs(shape, scale=3, size=n, random_state=1)
    ours = fit_pareto(values)
    their_shape, _, their_scale = stats.genpareto.fit(values, floc=0)

    def log_likelihood(shape, scale):
        return stats.genpareto.logpdf(values, shape, scale=scale).sum()

    assert log_likelihood(ours.shape, ours.scale) >= log_likelihood(their_shape, their_scale) - 1e-3
    assert ours.quantile(0.01) == pytest.approx(stats.genpareto.isf(0.01, ours.shape, scale=ours.scale))


@pytest.mark.parametrize(("target_far", "depth"), [(1e-2, 0), (1e-3, 0), (1e-3, 50)])
def test_streaming_threshold_holds_its_false_alarm_rate(target_far, depth):
    scores = np.random.default_rng(3).gamma(3.0, size=30_000).astype(np.float32)
    spot = Spot(SpotSettings(target_far, depth, lowest=0.1), fitted=12.0)
    thresholds = spot.update_many(scores)
    measured = (scores > thresholds)[2000:].mean()
    assert target_far / 2 < measured < target_far * 2


def test_dspot_follows_scores_that_rise_slowly():
    rng = np.random.default_rng(4)
    scores = (rng.gamma(3.0, size=30_000) + np.linspace(0, 30, 30_000)).astype(np.float32)
    follows = Spot(SpotSettings(1e-3, depth=50), fitted=15.0)
    assert (scores > follows.update_many(scores)).mean() < 0.003
    assert (scores > 15.0).mean() > 0.5


def test_streaming_threshold_is_bounded_from_below_by_the_fitted_one():
    scores = (np.random.default_rng(5).gamma(3.0, size=5000) * 0.01).astype(np.float32)
    assert Spot(SpotSettings(lowest=0.5), fitted=10.0).update_many(scores)[-1] == 5.0


def test_streaming_threshold_is_bounded_from_above_by_the_fitted_one():
    scores = np.random.default_rng(5).gamma(3.0, size=5000).astype(np.float32)
    scores[::60] *= 1000
    thresholds = Spot(SpotSettings(highest=2.0), fitted=10.0).update_many(scores)
    assert 10 < thresholds[-1] <= 20


def test_a_lasting_fault_teaches_the_threshold_next_to_nothing():
    scores = np.random.default_rng(8).gamma(3.0, size=4000).astype(np.float32)
    scores[2000:3000] += 100
    thresholds = Spot(SpotSettings(), fitted=12.0).update_many(scores)
    assert thresholds[3001] < 1.5 * thresholds[2000]


@pytest.mark.parametrize("target_far", [1e-2, 1e-3])
def test_streaming_threshold_holds_its_rate_on_smoothed_scores_too(target_far):
    # One high reading keeps a smoothed score high for a while: such a run is one excursion and many false alarms.
    scores = Smoother(30).update_many(np.random.default_rng(0).gamma(3.0, size=100_000).astype(np.float32))
    thresholds = Spot(SpotSettings(target_far, lowest=0.1), fitted=8.0, longest_run=30).update_many(scores)
    measured = (scores > thresholds)[2000:].mean()
    assert target_far / 1.5 < measured < target_far * 1.5


def test_a_short_run_is_learnt_from_whole_and_a_long_one_from_its_first_score():
    def learnt(run):
        spot = Spot(SpotSettings(), fitted=10.0, longest_run=5)
        spot.update_many(np.array([1.0, *[20.0] * run, 1.0], np.float32))
        return spot.state.first

    assert learnt(5) == (1.0, *[20.0] * 5, 1.0)
    assert learnt(6) == (1.0, 20.0, 1.0)


def test_scores_that_do_not_differ_leave_the_fitted_threshold():
    assert Spot(SpotSettings(), fitted=2.0).update_many(np.ones(5000, np.float32)).tolist() == [2.0] * 5000


@pytest.mark.parametrize("depth", [0, 20])
@pytest.mark.parametrize("cut", [10, 999, 1500])
def test_streaming_threshold_goes_on_after_a_restart(depth, cut):
    scores = np.random.default_rng(6).gamma(3.0, size=3000).astype(np.float32)
    scores[8:12] += 10
    whole = Spot(SpotSettings(depth=depth), 12.0, longest_run=5).update_many(scores)
    first, second = (Spot(SpotSettings(depth=depth), 12.0, longest_run=5) for _ in range(2))
    first.update_many(scores[:cut])
    second.state = from_json(SpotState, to_json(first.state))
    np.testing.assert_allclose(second.update_many(scores[cut:]), whole[cut:], rtol=5e-3)


def test_forgetting_the_state_brings_the_fitted_threshold_back():
    spot = Spot(SpotSettings(), fitted=12.0)
    spot.update_many(np.random.default_rng(7).gamma(3.0, size=3000).astype(np.float32))
    assert spot.threshold != 12.0
    spot.state = SpotState()
    assert spot.threshold == 12.0


def test_false_alarm_rates_that_cannot_be_held_are_refused():
    with pytest.raises(UsageError, match=r"Received: 0\.5"):
        SpotSettings(target_far=0.5)


def test_score_prints_the_measured_rate_beside_the_nominal_one(saelite, model_path, tmp_path):
    write_csv(tmp_path / "normal.csv", pump_rows(3000, seed=4))
    adapted = saelite("score", model_path, "normal.csv", "--adapt", "spot", "--target-far", "0.01", "-o", "out.csv")
    assert re.search(r"\d\.\d{3}% of \d,\d{3} scores above the streaming threshold, nominal 1\.000%", adapted.stdout)
    short = saelite("score", model_path, "normal.csv", "--rows", ":900", "--adapt", "dspot", "-o", "out.csv")
    assert "no streaming threshold before 1,000 scores, nominal 0.100%" in short.stdout
