"""Choosing how to score: faults are what their names say, and what finds them at the budget is taken."""

from dataclasses import replace

import numpy as np
import pytest

from edge_runtime.fitting.blocks import block_bounds
from edge_runtime.fitting.detection import SPANS
from edge_runtime.fitting.limit import Limit, fit_limit
from edge_runtime.fitting.stretch_faults import faults_in
from edge_runtime.fitting.synthetic_faults import FAULTS, with_fault
from edge_runtime.inference.heads import PARTS
from edge_runtime.model_file.manifest import CHOSEN_ON_EXPORT, DetectorSpec, Scoring, Sensor
from edge_runtime.signal.preprocessing import Preprocessing
from edge_runtime.signal.smoothing import Smoother
from export.fitting.choice import Candidate, Tried, best, score_left_out, try_spans
from export.fitting.file_outputs import file_outputs
from export.fitting.fit_heads import fit_head
from export.fitting.fit_scoring import Fitting

WINDOW, SENSORS = 2, 3
MIXING = np.array([[1.0, 0.9, 0.0], [0.0, 0.3, 1.0]])


@pytest.fixture(scope="module")
def windows():
    """Windows of a machine whose three sensors have two causes."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(600, 2)) @ MIXING + 0.1 * rng.normal(size=(600, SENSORS))
    return np.stack([rows[:-1], rows[1:]], axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def faults(windows):
    return faults_in(windows, windows.std(axis=(0, 1)))


def seen_by(*seeing):
    """Return a network of which only some parts hold what the windows hold; the others are noise."""

    def run(windows):
        inputs = windows.reshape(len(windows), -1)
        noise = np.random.default_rng(1).normal(size=inputs.shape).astype(np.float32)
        return {name: inputs if name in seeing else noise for name in ("inputs", "hidden", "codes", "residual")}

    return run


def fitting(faults, wish=CHOSEN_ON_EXPORT, budget=0.01, sensors=SENSORS, *, is_series=True):
    preprocessing = Preprocessing("standard", (0.0,) * sensors, (1.0,) * sensors, window=WINDOW)
    spec = DetectorSpec(tuple(Sensor(name) for name in "abc"[:sensors]), preprocessing, wish)
    return Fitting(faults, spec, budget, is_series)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_changes_one_sensor_alone(fault, windows):
    faulty = with_fault(fault, windows, 1, 1.0, np.random.default_rng(0))
    np.testing.assert_array_equal(faulty[:, :, [0, 2]], windows[:, :, [0, 2]])
    assert not np.array_equal(faulty[:, :, 1], windows[:, :, 1])


def test_a_stuck_sensor_does_not_move_and_a_broken_correlation_keeps_the_values(windows):
    rng = np.random.default_rng(0)
    assert np.ptp(with_fault("stuck", windows, 0, 1.0, rng)[:, :, 0]) == 0
    shuffled = with_fault("broken correlation", windows, 0, 1.0, rng)[:, :, 0]
    np.testing.assert_array_equal(np.sort(shuffled.ravel()), np.sort(windows[:, :, 0].ravel()))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_bias_is_so_many_deviations_up_or_down(size, windows):
    moved = with_fault(f"bias {size}", windows, 2, 5.0, np.random.default_rng(0))[:, :, 2] - windows[:, :, 2]
    np.testing.assert_allclose(np.abs(moved), 5.0 * size, rtol=1e-5)
    assert np.ptp(np.sign(moved)) == 0


def test_every_block_has_every_fault_in_each_of_three_sensors_within_itself(windows, faults):
    bounds = block_bounds(len(windows))
    assert len(faults) == len(bounds) * 3 * len(FAULTS)
    for fault in faults:
        first, last = bounds[fault.block]
        assert first <= fault.start < fault.stop <= last
        others = [sensor for sensor in range(SENSORS) if sensor != fault.sensor]
        np.testing.assert_array_equal(fault.windows[:, :, others], windows[fault.start : fault.stop][:, :, others])
    assert {(one.block, one.sensor, one.name) for one in faults} == {
        (block, sensor, name) for block in range(len(bounds)) for sensor in range(SENSORS) for name in FAULTS
    }


def test_outputs_of_faults_are_those_of_their_own_windows(windows, faults):
    outputs = file_outputs(lambda some: {"inputs": some.reshape(len(some), -1)}, windows, faults[:5], is_series=True)
    np.testing.assert_array_equal(outputs.normal["inputs"], windows.reshape(len(windows), -1))
    for fault, parts in zip(faults[:5], outputs.faulty, strict=True):
        np.testing.assert_array_equal(parts["inputs"], fault.windows.reshape(len(fault.windows), -1))


def test_each_block_is_scored_by_a_head_that_saw_neither_it_nor_a_reading_of_it(windows, faults):
    outputs = file_outputs(seen_by("inputs"), windows, faults, is_series=True)
    normal, faulty = score_left_out(outputs, faults, Candidate("inputs"), guard=WINDOW - 1)
    inputs = windows.reshape(len(windows), -1)
    for number, (start, stop) in enumerate(block_bounds(len(windows))):
        rest = np.concatenate([inputs[: max(0, start - 1)], inputs[stop + 1 :]])
        head = fit_head("inputs", {"inputs": rest})
        np.testing.assert_allclose(normal[start:stop], head.score({"inputs": inputs[start:stop]}), rtol=1e-5)
        for fault, scores in zip(faults, faulty, strict=True):
            if fault.block == number:
                expected = head.score({"inputs": fault.windows.reshape(len(fault.windows), -1)})
                np.testing.assert_allclose(scores, expected, rtol=1e-5)


def test_detection_is_the_share_of_windows_above_the_limit_of_those_that_are_faulty_or_alarm_because_of_it(faults):
    rng = np.random.default_rng(0)
    n = faults[-1].stop
    normal = np.exp(rng.normal(size=n))
    faulty = [np.exp(rng.normal(size=fault.stop - fault.start) + 1.5) for fault in faults]
    tried = try_spans((normal, faulty), faults, np.ones(len(normal), bool), Candidate("inputs"), (1, 5), 0.01)
    for one, span in zip(tried, (1, 5), strict=True):
        smoothed, shares = ewma(normal, span), {}
        limit = fit_limit(smoothed, 0.01)
        for fault, scores in zip(faults, faulty, strict=True):
            after = ewma(scores, span, smoothed[max(fault.start - 1, 0)])
            # So long it takes from the last level, of which three times the limit is remembered, down to the limit.
            late = np.log(np.clip(after[-1] / limit.value, 1, 3)) / np.log((span + 1) / max(span - 1, 1e-9))
            shares.setdefault(fault.name, []).append(np.sum(after > limit.value) / (len(after) + late))
        assert one.candidate == Candidate("inputs", span=span)
        assert one.limit.value == pytest.approx(limit.value, rel=1e-5)
        assert one.detection == pytest.approx(np.mean([np.mean(each) for each in shares.values()]), abs=1e-3)
    wins = np.mean(np.concatenate(faulty)[:, None] > normal)
    assert tried[0].roc_auc == tried[1].roc_auc == pytest.approx(wins)


def ewma(scores, span, level=None):
    smoothed = []
    for score in scores:
        level = score if level is None else level + 2 / (span + 1) * (score - level)
        smoothed.append(level)
    return np.array(smoothed)


def as_good(**detections):
    limit = Limit(1.0, 100, 50.0, 0.01, 0.02, 0.01, run_length=2.0)
    return [Tried(Candidate(head, span=span), value, limit, 0.9)
            for head, values in detections.items() for span, value in zip(SPANS, values, strict=False)]  # fmt: skip


@pytest.mark.parametrize(
    ("detections", "expected"),
    [
        ({"inputs": [0.60], "deep": [0.64], "codebook": [0.63]}, "inputs"),
        ({"inputs": [0.60], "deep": [0.66], "codebook": [0.63]}, "deep"),
        ({"inputs": [0.60], "modes": [0.63], "codebook": [0.68]}, "modes"),
        ({"deep": [0.60], "residual": [0.64]}, "deep"),
        ({"deep": [0.60], "residual": [0.66]}, "residual"),
    ],
)
def test_a_costlier_head_is_taken_only_where_it_finds_clearly_more(detections, expected):
    assert best(as_good(**detections)).candidate.head == expected


def test_of_one_heads_spans_the_one_that_finds_most_is_taken():
    assert best(as_good(inputs=[0.60, 0.63, 0.61], deep=[0.64])).candidate == Candidate("inputs", span=5)


@pytest.mark.parametrize(
    ("seeing", "expected"),
    [(("inputs", "hidden", "codes"), {"inputs"}), (("hidden", "codes"), {"deep", "codebook"})],
)
def test_the_head_that_sees_the_faults_is_chosen(seeing, expected, windows, faults):
    fitted = fitting(faults).choose(file_outputs(seen_by(*seeing), windows, faults, is_series=True))
    assert fitted.scoring.head in expected
    assert fitted.candidate.head == fitted.head.kind == fitted.scoring.head
    assert {one.name.partition(",")[0] for one in fitted.tried} == {"inputs", "codebook", "deep"}
    detections = [one.detection for one in fitted.tried]
    assert detections == sorted(detections, reverse=True)


def test_scores_are_scaled_so_that_the_limit_is_one(windows, faults):
    outputs = file_outputs(seen_by("inputs"), windows, faults, is_series=True)
    fitted = fitting(faults, Scoring("inputs", 5, 0.0)).choose(outputs)
    raw = fit_head("inputs", outputs.normal)
    np.testing.assert_allclose(
        fitted.head.score(outputs.normal) * fitted.limit.value, raw.score(outputs.normal), rtol=1e-4
    )
    left_out, _ = score_left_out(outputs, faults, Candidate("inputs"), guard=WINDOW - 1)
    assert fitted.limit.value == pytest.approx(fit_limit(ewma(left_out, 5), 0.01).value, rel=1e-4)
    smoothed = Smoother(5).update_many(fitted.head.score(outputs.normal))
    assert np.mean(smoothed > 1.0) <= fitted.limit.share
    assert smoothed.max() > 0.5


@pytest.mark.parametrize("head", PARTS)
def test_what_was_asked_for_is_not_tried_against_anything(head, windows, faults):
    outputs = file_outputs(seen_by("inputs", "codes"), windows[:200], faults[:8], is_series=True)
    fitted = fitting(faults[:8], Scoring(head, 3, 0.25)).choose(outputs)
    assert fitted.scoring == Scoring(head, 3, 0.25)
    assert [one.name for one in fitted.tried] == [f"{head}, span 3"]


def test_rows_without_order_are_not_smoothed(windows, faults):
    wish = CHOSEN_ON_EXPORT._replace(mean_rate=0.0, scale_rate=0.0)
    outputs = file_outputs(seen_by("inputs"), windows, faults, is_series=True)
    assert fitting(faults, wish, is_series=False).choose(outputs).scoring == Scoring("codebook", 1, 0.0)


def test_a_machine_of_several_modes_is_offered_modes():
    rng = np.random.default_rng(0)
    level = np.array([[-20.0, 0, 20], [20, 20, -20]])[np.arange(600) // 30 % 2]
    rows = level + rng.normal(size=(600, SENSORS))
    windows = np.stack([rows[:-1], rows[1:]], axis=1).astype(np.float32)
    faults = faults_in(windows, np.ones(SENSORS))
    outputs = file_outputs(seen_by("inputs"), windows, faults, is_series=True)
    # Two levels, and the windows between them.
    fitted = replace(fitting(faults), modes=4).choose(outputs)
    found = {one.name.partition(",")[0]: one.detection for one in reversed(fitted.tried)}
    assert found["modes"] > found["inputs"]
    assert len(fitted.attribution.mean) == (len(fitted.head.centers) if fitted.scoring.head == "modes" else 1)


def test_a_machine_that_drifts_is_offered_a_head_that_allows_it():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(600, SENSORS)) + np.linspace(-3, 3, 600)[:, None] * [0, 1, 0]
    windows = np.stack([rows[:-1], rows[1:]], axis=1).astype(np.float32)
    faults = faults_in(windows, windows.std(axis=(0, 1)))
    fitted = fitting(faults).choose(file_outputs(seen_by("inputs"), windows, faults, is_series=True))
    assert "inputs, drift allowed" in {one.name.rpartition(",")[0] for one in fitted.tried}


def test_refitting_keeps_the_choice_and_fits_the_new_outputs(windows, faults):
    several = fitting(faults)
    chosen = several.choose(file_outputs(seen_by("inputs"), windows, faults, is_series=True))
    outputs = file_outputs(lambda some: {**seen_by("inputs")(some), "inputs": 3 * some.reshape(len(some), -1)},
                           windows, faults, is_series=True)  # fmt: skip
    again = several.refit(outputs, chosen)
    assert (again.candidate, again.scoring) == (chosen.candidate, chosen.scoring)
    np.testing.assert_allclose(again.head.score(outputs.normal), chosen.head.score(
        {"inputs": outputs.normal["inputs"] / 3}), rtol=1e-2)  # fmt: skip


def test_a_dozen_windows_are_fitted_without_leaving_any_out():
    windows = np.random.default_rng(0).normal(size=(12, WINDOW, SENSORS)).astype(np.float32)
    faults = faults_in(windows, np.ones(SENSORS))
    fitted = fitting(faults, Scoring("inputs", 1, 0.0)).choose(
        file_outputs(seen_by("inputs"), windows, faults, is_series=True)
    )
    assert fitted.limit.n_windows == 12
    assert np.isfinite(fitted.head.score({"inputs": windows.reshape(12, -1)})).all()
