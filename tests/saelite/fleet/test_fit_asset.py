"""One asset: from its recording to a file, or down the ladder of fallbacks."""

from dataclasses import replace

import numpy as np
import pytest
from machines import SENSORS, pump_rows, write_csv

from edge_runtime.inference.detector import Detector
from edge_runtime.inference.runtimes import find_runtime
from edge_runtime.model_file.container import parse_model_file
from export.installed import runtimes_for
from export.targets import find_target
from saelite.export_options import ExportOptions
from saelite.fleet.assets import Asset
from saelite.fleet.fit_asset import LADDER, MODEL_FILE
from saelite.fleet.fit_assets import FleetFit, fit_asset
from saelite.fleet.fleet_model import FleetModel, FleetModelFit, fit_fleet_model
from saelite.fleet.fleet_settings import FleetSettings
from training.settings import DetectorSettings

SMALL = DetectorSettings(preset="tiny", epochs=2)
SETTINGS = FleetSettings(detector=SMALL)
REFUSING = FleetSettings(detector=replace(SMALL, constant_policy="error"))


def asset(folder, name, values, header=SENSORS):
    times = [str(60 * number) for number in range(len(values))]
    return Asset(name, (str(write_csv(folder / f"{name}.csv", values, header, time=times)),))


@pytest.fixture(scope="module")
def common(tmp_path_factory):
    """The common model of four pumps."""
    folder = tmp_path_factory.mktemp("pumps")
    pumps = tuple(asset(folder, f"pump{number}", pump_rows(240, number, jumps=False)) for number in range(4))
    (found,) = FleetModelFit(REFUSING)([pumps])
    assert isinstance(found, FleetModel), found
    return found


def test_scheme_that_the_target_lacks_falls_back_to_float32_and_says_so(tmp_path):
    settings = replace(SETTINGS, export=ExportOptions(target="micro", quantize="float16"))
    found = fit_asset(asset(tmp_path, "pump", pump_rows(240, jumps=False)), settings)
    outcome = found.outcome
    assert (outcome.status, outcome.fallback, outcome.figures.scheme) == ("fell back", "float32", "float32")
    assert "target micro has no scheme float16" in outcome.reason
    assert {"model.tflite", "model_model.cc"} <= set(found.files)


def test_sources_of_a_target_come_with_the_file(tmp_path):
    settings = replace(SETTINGS, export=ExportOptions(target="c"))
    found = fit_asset(asset(tmp_path, "pump", pump_rows(240, jumps=False)), settings)
    assert found.outcome.status == "made", found.outcome.reason
    assert any(name.startswith("model/") and name.endswith(".c") for name in found.files)


def test_asset_that_cannot_be_read_has_its_reason_and_no_file():
    found = fit_asset(Asset("gone", ("/no/such/file.csv",)), SETTINGS)
    assert (found.outcome.status, found.files) == ("failed", {})
    assert "no such file: /no/such/file.csv" in found.outcome.reason


def test_too_few_rows_for_anything_are_reported_with_every_reason(tmp_path, common):
    found = fit_asset(asset(tmp_path, "short", pump_rows(3, jumps=False)), SETTINGS, common)
    assert (found.outcome.status, found.outcome.rows) == ("failed", 3)
    assert "too few to learn from" in found.outcome.reason
    assert "common model: too few normal readings to adapt to" in found.outcome.reason


def test_common_model_is_scaled_and_limited_to_the_asset(tmp_path, common):
    values = 3 * pump_rows(240, 9, jumps=False)
    values[:, 2] = 1.5
    found = fit_asset(asset(tmp_path, "stuck", values), REFUSING, common)
    assert found.outcome.fallback == LADDER[-1].name, found.outcome.reason
    model = parse_model_file(found.files[MODEL_FILE], tmp_path)
    assert (
        model.manifest.provenance.data_sha256
        != parse_model_file(common.content, tmp_path).manifest.provenance.data_sha256
    )
    detector = Detector(model, find_runtime("auto"))
    window = detector.manifest.spec.preprocessing.window
    usual = np.lib.stride_tricks.sliding_window_view(values, window, axis=0).transpose(0, 2, 1)
    assert (detector.score_many(usual) > 1).mean() < 0.1
    assert (detector.score_many(usual * np.float32(1.3)) > 1).mean() > 0.9


def test_common_model_is_the_same_for_sensors_in_another_order(tmp_path, common):
    values = pump_rows(240, 5, jumps=False)
    turned = asset(tmp_path, "turned", values[:, ::-1], SENSORS[::-1]).read(SETTINGS.selection)
    plain = asset(tmp_path, "plain", values).read(SETTINGS.selection)
    np.testing.assert_allclose(common.errors(turned)[::-1], common.errors(plain), rtol=1e-4)


def test_asset_without_a_sensor_of_the_common_model_cannot_have_it(tmp_path, common):
    values = pump_rows(240, jumps=False)[:, :3]
    values[:, 2] = 1.5
    found = fit_asset(asset(tmp_path, "other", values, SENSORS[:3]), REFUSING, common)
    assert found.outcome.status == "failed"
    assert "lacks vibration, which the fleet's common model needs" in found.outcome.reason


def test_network_that_starts_from_the_common_model_is_fitted_better_in_as_many_epochs(tmp_path, common):
    pump = asset(tmp_path, "pump", pump_rows(240, 6, jumps=False))
    warm, cold = (FleetFit(SETTINGS, common, warm_start)([pump])[0].outcome for warm_start in (True, False))
    assert (warm.is_warm, cold.is_warm) == (True, False)
    assert warm.figures.loss < cold.figures.loss


def curve(n):
    """Return readings on a curve, which a network describes better than a covariance does."""
    rng = np.random.default_rng(0)
    load = np.convolve(rng.uniform(-1, 1, n), np.ones(5) / 5, "same")
    rows = np.stack([load, load**2, np.abs(load), np.sin(9 * load)], axis=1)
    return (rows + 0.01 * rng.normal(size=rows.shape)).astype(np.float32)


def test_assets_of_many_rows_start_from_the_common_model_unless_their_score_depends_on_it(tmp_path, common):
    assets = [
        asset(tmp_path, "short", pump_rows(240, 6, jumps=False)),
        asset(tmp_path, "long", pump_rows(2100, 6, jumps=False)),
        asset(tmp_path, "curve", curve(2100)),
    ]
    found = [one.outcome for one in FleetFit(SETTINGS, common)(assets)]
    alone = [one.outcome for one in FleetFit(SETTINGS, common, warm_start=False)(assets[1:])]
    assert [(one.is_warm, one.figures.head) for one in found] == [(False, "modes"), (True, "modes"), (False, "deep")]
    for one, other in zip(found[1:], alone, strict=True):
        same = (one.figures.head, one.figures.smoothing_span, one.figures.detection)
        assert same == (other.figures.head, other.figures.smoothing_span, other.figures.detection)
        assert one.figures.threshold == pytest.approx(other.figures.threshold, rel=1e-3)
    assert found[2].figures.loss == pytest.approx(alone[1].figures.loss, rel=1e-3)


def test_assets_of_different_kinds_have_no_common_model(tmp_path):
    values = pump_rows(60, jumps=False)
    kinds = tuple(asset(tmp_path, name, values, tuple(f"{name}{one}" for one in SENSORS)) for name in "abc")
    assert fit_fleet_model(kinds, SETTINGS) == (
        "only 1 of 3 assets looked at have the same sensors; expected at least 3"
    )


def test_files_are_run_in_every_runtime_of_their_target(tmp_path):
    found = fit_asset(asset(tmp_path, "pump", pump_rows(240, jumps=False)), SETTINGS)
    manifest = parse_model_file(found.files[MODEL_FILE], tmp_path).manifest
    target, _ = find_target("cpu", None)
    assert [one.runtime for one in manifest.runtimes] == [one.name for one in runtimes_for(target, ())]
