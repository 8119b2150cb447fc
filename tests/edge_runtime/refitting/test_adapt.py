"""A model file adapted to another pump: every head, with the detector in the graph and on the host."""

from dataclasses import replace

import numpy as np
import pytest
from machines import SENSORS, train_pump
from sites import PATH, adapted, at_site, made, site_rows

from benchmarks.simulator import MachineSettings, simulate
from benchmarks.simulator.elsewhere import elsewhere
from edge_runtime.errors import IntegrityError, ModelFileError, RecordingError
from edge_runtime.inference.detector import Detector
from edge_runtime.inference.heads import PARTS, Head
from edge_runtime.inference.runtimes import find_runtime
from edge_runtime.model_file.container import parse_model_file
from edge_runtime.model_file.lineage import check_lineage
from edge_runtime.model_file.manifest import HeadTried
from edge_runtime.model_file.patching import PREFIX, has_halves, read_constants, without_constants
from edge_runtime.refitting import refit
from edge_runtime.refitting.prototypes import head_in_graph
from edge_runtime.signal.windows import sliding_windows
from edge_runtime.verification.reference_run import verify
from export.export_run import ExportSettings, export_run
from training.pipeline import train
from training.settings import DetectorSettings

TARGETS = ("cpu", "edgetpu", "c")
# How far scores of the head ``inputs`` are apart, of which small chips have a form in 8 bits.
ROUNDED = {"cpu": 0.02, "edgetpu": 0.02, "c": 0.08}
FAULT = 200.0


def windows_of(rows):
    return np.ascontiguousarray(sliding_windows(rows, 3))


def detector_of(model):
    return Detector(model, find_runtime())


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("head", PARTS)
def test_every_head_is_quiet_at_the_new_site_and_sees_a_fault_there(head, target):
    normal, faulty = windows_of(site_rows(1_000, seed=9)), windows_of(site_rows(1_000, seed=9))
    faulty[:, :, 0] += FAULT
    before = detector_of(parse_model_file(made(head, target), PATH)).score_many(normal)
    detector = detector_of(parse_model_file(at_site(head, target).model.to_bytes(), PATH))
    after = detector.score_many(normal)
    assert np.median(after) < min(0.5, np.median(before))
    assert np.mean(after > 1) < 0.01
    assert detector.score_many(faulty).mean() > after.mean()
    if head != "t2":  # saturated codes say little of how far out a value is
        assert np.median(before) > 1


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("head", PARTS)
def test_everything_but_the_machines_own_numbers_is_the_makers(head, target):
    maker, model = parse_model_file(made(head, target), PATH), at_site(head, target).model
    graphs = [one.flatbuffer if target != "cpu" else without_constants(one.flatbuffer) for one in (maker, model)]
    assert graphs[0] == graphs[1]
    assert (target != "cpu") == (model.flatbuffer == maker.flatbuffer)
    manifest, spec = model.manifest, maker.manifest.spec
    kept = replace(manifest.spec.preprocessing, center=spec.preprocessing.center, scale=spec.preprocessing.scale)
    assert manifest.spec._replace(preprocessing=kept) == spec
    assert (manifest.name, manifest.version, manifest.target) == (
        maker.manifest.name, maker.manifest.version, maker.manifest.target,
    )  # fmt: skip
    assert manifest.threshold.value == 1.0
    assert model.parent == made(head, target)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("head", ["deep", "modes"])
def test_device_verifies_the_new_reference_windows(head, target):
    model = at_site(head, target).model
    found = verify(model, detector_of(model))
    assert found.failures == ()
    assert found.parity.alarm_agreement == 1.0
    assert found.parity.roc_auc == pytest.approx(found.parity.roc_auc_full)
    assert model.arrays["reference_faulty"].sum() > 0


def shrunk_distance(x, rows):
    """Squared Mahalanobis distance from rows, by a direct solve."""
    centered, covariance = x - rows.mean(axis=0), np.cov(rows.T, bias=True)
    covariance = 0.999 * covariance + 0.001 * np.diag(np.diag(covariance))
    return np.einsum("nd,nd->n", centered, np.linalg.solve(covariance, centered.T).T)


@pytest.mark.parametrize("target", TARGETS)
def test_score_of_the_inputs_head_is_the_mahalanobis_distance_of_the_sites_windows(target):
    adaptation = at_site("inputs", target)
    rows = site_rows(3_000)
    assert adaptation.left_out == 0
    learnt, seen = windows_of(rows).reshape(-1, 12), windows_of(site_rows(300, seed=9))
    scale = np.tile(rows.std(axis=0, dtype=np.float64), 3)
    expected = shrunk_distance(seen.reshape(-1, 12) / scale, learnt / scale)
    scores = detector_of(adaptation.model).score_many(seen)
    # Normalised by the threshold.
    factor = np.median(scores / expected)
    np.testing.assert_allclose(scores, factor * expected, rtol=ROUNDED[target])


@pytest.mark.parametrize("target", TARGETS)
def test_expected_value_is_the_conditional_mean_among_the_sites_windows(target):
    rows, seen = site_rows(3_000), windows_of(site_rows(200, seed=9))
    learnt = windows_of(rows).reshape(-1, 12).astype(np.float64)
    scale = np.tile(rows.std(axis=0, dtype=np.float64), 3)
    x, mean = seen.reshape(-1, 12) / scale, learnt.mean(axis=0) / scale
    covariance = np.cov((learnt / scale).T, bias=True)
    covariance = 0.99 * covariance + 0.01 * np.diag(np.diag(covariance))
    found = detector_of(at_site("deep", target).model).expected_many(seen)
    for sensor in range(4):
        own, rest = np.arange(sensor, 12, 4), np.setdiff1d(np.arange(12), np.arange(sensor, 12, 4))
        gain = np.linalg.solve(covariance[np.ix_(rest, rest)], covariance[np.ix_(rest, own)])
        expected = ((mean[own] + (x[:, rest] - mean[rest]) @ gain) * scale[own]).mean(axis=1)
        np.testing.assert_allclose(found[:, sensor], expected, atol=0.03 * scale[sensor])


@pytest.mark.parametrize("scheme", ["mixed", "int16x8", "float32", "dynamic", "float16"])
def test_every_number_format_can_be_adapted(scheme):
    adaptation = at_site("codebook", "cpu", scheme)
    assert adaptation.model.manifest.parity.alarm_agreement == 1.0
    assert adaptation.model.manifest.quantization.input_saturation < 0.01
    scores = detector_of(adaptation.model).score_many(windows_of(site_rows(1_000, seed=9)))
    assert np.mean(scores > 1) < 0.01


def test_file_is_run_in_every_runtime_that_the_maker_ran_it_in():
    maker = parse_model_file(made("deep"), PATH).manifest
    checks = at_site("deep").model.manifest.runtimes
    assert {one.runtime for one in checks} == {one.runtime for one in maker.runtimes}
    assert max(one.max_relative_score_difference for one in checks) < 0.05


def test_adapted_file_is_adapted_again_from_the_makers():
    once, rows = at_site("deep").model, site_rows(2_000, seed=7)
    assert adapted(once.to_bytes(), rows).model.to_bytes() == adapted(made("deep"), rows).model.to_bytes()


def test_the_same_readings_give_the_same_bytes():
    assert adapted(made("codebook"), site_rows(3_000)).model.to_bytes() == at_site("codebook").model.to_bytes()


@pytest.mark.parametrize("head", ["codebook", "modes"])
def test_few_windows_share_fewer_prototypes_and_modes(head):
    maker = parse_model_file(made(head), PATH)
    model = adapted(made(head), site_rows(60)).model
    before, after = (head_in_graph(head, read_constants(one.flatbuffer)) for one in (maker, model))
    assert after.centers.shape == before.centers.shape
    scores = detector_of(model).score_many(windows_of(site_rows(60)))
    assert np.isfinite(scores).all()
    assert np.median(scores) < 1


def test_mode_that_the_machine_was_not_seen_in_is_nowhere_normal():
    rows = site_rows(2_000, jumps=False)[:40]
    model = adapted(made("modes"), rows).model
    far = windows_of(np.repeat(rows.mean(axis=0, keepdims=True), 3, axis=0) + 50 * rows.std(axis=0)).astype(np.float32)
    assert detector_of(model).score_many(far)[0] > 1


def test_sensor_at_rest_keeps_its_scale_and_is_named():
    rows = site_rows(1_000)
    rows[:, 1] = 4_321.0
    adaptation = adapted(made("deep"), rows)
    scale, before = (
        one.manifest.spec.preprocessing.scale for one in (adaptation.model, parse_model_file(made("deep"), PATH))
    )
    assert adaptation.at_rest == (SENSORS[1],)
    assert scale[1] == before[1]
    assert scale[0] != before[0]


def test_faulty_minute_is_left_out():
    rows = site_rows(3_000)
    rows[1_000:1_060] += 40 * rows.std(axis=0)
    adaptation = adapted(made("deep"), rows)
    assert 50 < adaptation.left_out < 70
    faulty = detector_of(adaptation.model).score_many(windows_of(rows[1_000:1_060]))
    assert faulty.min() > 1


def test_alarm_budget_is_the_files_unless_another_is_given():
    promised = {
        text: adapted(made("inputs"), site_rows(3_000), false_alarms=text).model.manifest.threshold
        for text in (None, "500/day")
    }
    assert promised[None].budget == parse_model_file(made("inputs"), PATH).manifest.threshold.budget
    assert promised["500/day"].budget == "500/day"
    assert promised["500/day"].target_far > promised[None].target_far


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("own", ["deep", "codebook"])
def test_simpler_head_that_export_chose_from_scores_in_the_graph_of_a_larger_one_as_alone(own, target, monkeypatch):
    monkeypatch.setattr(refit, "best_of", lambda tried, *_: next(one for one in tried if one.way.head == "inputs"))
    maker = parse_model_file(made(own, target), PATH)
    tried = (*maker.manifest.tried, HeadTried("inputs, span 1", 0.1))
    model = adapted(replace(maker, manifest=replace(maker.manifest, tried=tried)).to_bytes(), site_rows(3_000)).model
    assert model.manifest.spec.scoring.head == own, "of the graph, which is the maker's"
    assert model.manifest.tried[0].head == "inputs"
    assert {one.head for one in model.manifest.tried} == {"inputs", own}
    seen = windows_of(site_rows(300, seed=9))
    alone = detector_of(at_site("inputs", target).model).score_many(seen)
    np.testing.assert_allclose(detector_of(model).score_many(seen), alone, rtol=ROUNDED[target])
    assert parse_model_file(model.to_bytes(), PATH).manifest == model.manifest, "the lineage is checked"


def test_drift_is_allowed_for_in_the_graph_of_a_larger_head():
    maker = parse_model_file(made("deep"), PATH)
    tried = (*maker.manifest.tried, HeadTried("inputs, span 1", 0.1))
    rows = site_rows(3_000)
    rows[:, 0] += np.linspace(-3, 3, len(rows)) * rows[:, 0].std()
    model = adapted(replace(maker, manifest=replace(maker.manifest, tried=tried)).to_bytes(), rows).model
    assert {one.name.partition(", span")[0] for one in model.manifest.tried} == {
        "deep", "inputs", "inputs, drift allowed",
    }  # fmt: skip


def test_without_times_no_rate_is_promised():
    threshold = adapted(made("inputs"), site_rows(1_000), step_s=float("nan")).model.manifest.threshold
    assert threshold.promised is None
    assert 0 < threshold.target_far < 0.2


def test_robust_scaling_and_features_are_fitted_anew():
    run = train_pump("inputs", scaling="robust", features=("mean", "std"), window=8).folder
    content = export_run(run, ExportSettings("int8")).to_bytes()
    rows = site_rows(3_000)
    model = adapted(content, rows).model
    preprocessing = model.manifest.spec.preprocessing
    low, center, high = np.quantile(rows, [0.25, 0.5, 0.75], axis=0)
    np.testing.assert_allclose(preprocessing.center, center, rtol=1e-5)
    np.testing.assert_allclose(preprocessing.scale, (high - low) / 1.349, rtol=1e-5)
    features = preprocessing.transform(np.ascontiguousarray(sliding_windows(rows, 8)))
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(features.std(axis=0), 1, atol=0.02)


def test_too_few_readings_are_refused():
    with pytest.raises(RecordingError, match=r"expected at least 20 windows of 3 readings .* Received: 8"):
        adapted(made("inputs"), site_rows(10))


def test_graph_that_does_not_name_its_constants_is_refused():
    model = parse_model_file(made("deep"), PATH)
    nameless = model.flatbuffer.replace(PREFIX.encode(), b"x" * len(PREFIX))
    old = replace(model, flatbuffer=nameless)
    old = replace(old, manifest=replace(model.manifest, flatbuffer_sha256=old.sha256))
    with pytest.raises(ModelFileError, match=r"Export (the file|it) again"):
        adapted(old.to_bytes(), site_rows(100))


def test_head_without_network_outputs_is_read_as_well_as_written():
    head = Head("inputs", np.ones(2, np.float32), np.eye(2, dtype=np.float32))
    rows = np.float32([[1.0, 1.0], [2.0, 3.0]])
    np.testing.assert_allclose(head.score_rows(rows), head.score({"inputs": rows}))


def with_spans(content, spans):
    """Return a file whose maker leaves the smoothing to the device."""
    model = parse_model_file(content, PATH)
    return replace(model, manifest=replace(model.manifest, spans=spans)).to_bytes()


def test_smoothing_is_the_one_that_finds_most_of_those_the_maker_allows():
    rows = site_rows(1_000)
    each = {span: adapted(with_spans(made("inputs"), (span,)), rows).model.manifest for span in (1, 5, 30)}
    chosen = adapted(with_spans(made("inputs"), (1, 5, 30)), rows).model.manifest
    shares = {span: manifest.tried[0].detection for span, manifest in each.items()}
    assert chosen.spec.scoring.smoothing_span == max(shares, key=shares.get)
    assert chosen.tried[0].detection == max(shares.values())


def test_file_that_does_not_say_which_smoothing_is_allowed_keeps_its_own():
    model = adapted(with_spans(made("inputs"), ()), site_rows(500)).model
    assert model.manifest.spec.scoring == parse_model_file(made("inputs"), PATH).manifest.spec.scoring


def test_modes_that_the_mean_follows_relative_to_are_where_the_new_sites_scaling_puts_them():
    maker = parse_model_file(made("inputs"), PATH)
    preprocessing, scoring = maker.manifest.spec.preprocessing, maker.manifest.spec.scoring
    levels = np.array([[-2.0, 0, 1, 0], [2, 0, -1, 0]])
    modes = (levels * preprocessing.scale + preprocessing.center).astype(np.float32)
    spec = maker.manifest.spec._replace(
        scoring=scoring._replace(mean_rate=0.005), modes=tuple(map(tuple, modes.tolist()))
    )
    maker = replace(maker, manifest=replace(maker.manifest, spec=spec))
    model = adapted(maker.to_bytes(), site_rows(3_000)).model
    check_lineage(model, maker, PATH)
    found = model.manifest.spec
    np.testing.assert_allclose(
        (np.array(found.modes) - found.preprocessing.center) / found.preprocessing.scale, levels, atol=1e-3
    )
    assert found.modes != spec.modes
    fewer = replace(model, manifest=replace(model.manifest, spec=found._replace(modes=found.modes[:1])))
    with pytest.raises(IntegrityError, match="changes what a device may not change"):
        check_lineage(fewer, maker, PATH)


def test_a_graph_with_matrices_in_float16_scores_and_blames_as_what_was_fitted():
    """Of 20 sensors: only matrices of a thousand numbers are stored in 16 bits."""
    machine = simulate(MachineSettings(rows=4_000), seed=3)
    run = train(machine.recording("maker", 0, 2_000), DetectorSettings(epochs=1))
    content = export_run(run.folder, ExportSettings("int8")).to_bytes()
    assert has_halves(parse_model_file(content, PATH).flatbuffer)
    values = elsewhere(machine).recording("site", 2_000).values
    assert adapted(content, values).model.manifest.parity.alarm_agreement > 0.99
