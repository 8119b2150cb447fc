"""Many recordings at once: the results of each alone, an error for each that cannot be learnt, a common start."""

from dataclasses import replace

import numpy as np
import pytest
from machines import SENSORS, pump_rows

from edge_runtime.errors import ModelFileError, RecordingError
from training.common_fit import fit_common_model
from training.common_model import read_common_model
from training.pipeline import train, train_many
from training.recordings import Recording
from training.settings import DetectorSettings

SETTINGS = DetectorSettings(window=3, code_size=8, hidden=(12,), epochs=6, noise=0.1, momentum=0.5)


def pump(seed, rows=800):
    return Recording(f"pump{seed}", SENSORS, pump_rows(rows, seed), sha256=str(seed))


def losses(run):
    return np.array([[epoch.loss, epoch.validation_loss, epoch.penalty] for epoch in run.history])


# 700 rows are as many steps as 701, with another number of windows to validate on.
@pytest.mark.parametrize("rows", [[800] * 5, [700, 701, 702, 703], [300, 800, 800]], ids=["equal", "near", "mixed"])
def test_assets_learnt_together_have_the_histories_and_weights_of_each_alone(rows):
    pumps = [pump(seed, count) for seed, count in enumerate(rows)]
    for together, recording in zip(train_many(pumps, SETTINGS), pumps, strict=True):
        alone = train(recording, SETTINGS)
        assert together.folder.name == recording.name
        np.testing.assert_allclose(losses(together), losses(alone), rtol=1e-3)
        np.testing.assert_allclose(together.folder.windows.codes, alone.folder.windows.codes, atol=1e-2)


def test_an_asset_that_stops_early_leaves_the_others_as_they_were():
    settings = replace(SETTINGS, patience=1, epochs=40, learning_rate=0.05)
    pumps = [pump(seed) for seed in range(6)]
    together = train_many(pumps, settings)
    assert len({len(run.history) for run in together}) > 1
    for run, recording in zip(together, pumps, strict=True):
        alone = train(recording, settings)
        shared = min(len(run.history), len(alone.history), 3)
        np.testing.assert_allclose(losses(run)[:shared], losses(alone)[:shared], rtol=1e-3)


def test_a_recording_that_cannot_be_learnt_is_an_error_among_the_results():
    constant = replace(pump(1), values=np.ones((800, len(SENSORS)), np.float32))
    infinite = replace(pump(2), values=np.full((800, len(SENSORS)), np.inf, np.float32))
    first, second, third, last = train_many([pump(0), constant, infinite, pump(3)], SETTINGS)
    assert (first.folder.name, last.folder.name) == ("pump0", "pump3")
    assert isinstance(second, RecordingError)
    assert isinstance(third, Exception)


def test_an_asset_starts_where_the_common_model_ended():
    settings = replace(SETTINGS, epochs=None)
    common = fit_common_model([pump(seed) for seed in range(4)], settings)
    warm, cold = (train(pump(9), settings, start=start) for start in (common, None))
    assert len(warm.history) < len(cold.history)
    assert warm.history[0].loss < 0.5 * cold.history[0].loss
    assert (common.assets, warm.folder.training["started_from_assets"]) == (4, 4)


def test_an_asset_of_another_structure_starts_on_its_own():
    common = fit_common_model([pump(0)], SETTINGS)
    other = replace(pump(1), sensors=SENSORS[:3], values=pump_rows(800, 1)[:, :3].copy())
    first, second = train_many([other, pump(2)], SETTINGS, common)
    assert (first.folder.training["started_from_assets"], second.folder.training["started_from_assets"]) == (0, 1)
    np.testing.assert_array_equal(losses(first), losses(train(other, SETTINGS)))


def test_an_asset_with_its_sensors_in_another_order_starts_on_its_own():
    common = fit_common_model([pump(0)], SETTINGS)
    turned = replace(pump(1), sensors=SENSORS[::-1])
    assert train(turned, SETTINGS, start=common).folder.training["started_from_assets"] == 0


def test_a_common_model_is_read_as_it_was_written(tmp_path):
    common = fit_common_model([pump(0)], SETTINGS)
    (tmp_path / "start.npz").write_bytes(common.to_bytes())
    found = read_common_model(tmp_path / "start.npz")
    assert found.digest == common.digest
    assert replace(found, weights=()) == replace(common, weights=())


def test_a_damaged_common_model_is_refused(tmp_path):
    common = fit_common_model([pump(0)], SETTINGS)
    (tmp_path / "start.npz").write_bytes(common.to_bytes()[:-200])
    with pytest.raises(ModelFileError, match=r"start\.npz is damaged"):
        read_common_model(tmp_path / "start.npz")


def test_odd_assets_do_no_harm_to_the_common_model():
    odd = replace(pump(1), sensors=SENSORS[:3], values=pump_rows(800, 1)[:, :3].copy())
    bad = replace(pump(2), values=np.ones((800, len(SENSORS)), np.float32))
    mixed, plain = (
        fit_common_model([odd, bad, pump(0), pump(3)], SETTINGS),
        fit_common_model([pump(0), pump(3)], SETTINGS),
    )
    assert mixed.digest == plain.digest


def test_a_fleet_without_a_single_good_asset_has_no_common_model():
    bad = replace(pump(2), values=np.ones((800, len(SENSORS)), np.float32))
    with pytest.raises(RecordingError, match="no asset to fit the common model on"):
        fit_common_model([bad], SETTINGS)
