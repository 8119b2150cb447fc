"""Our trainer beside Keras' `fit`: they take the same steps, and the tables say what was measured."""

import numpy as np
import pytest

from benchmarks.this_machine import this_machine
from benchmarks.trainers.fit_contenders import FITS
from benchmarks.trainers.trainer_result import (
    KERAS,
    KERAS_EPOCHS,
    KERAS_EPOCHS_JIT,
    KERAS_PARTS,
    OURS,
    FitFigure,
    TrainerComparison,
)
from training import SparseAutoencoder
from training.settings import DetectorSettings


@pytest.fixture(scope="module")
def windows():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(150, 3)) @ rng.normal(size=(3, 6))).astype(np.float32)


def fitted(contender, windows, **settings):
    model = SparseAutoencoder(6, 8, (7,), seed=0)
    settings = DetectorSettings(batch_size=32, **settings)
    return model, FITS[contender](model, windows[:100], windows[100:], settings)


@pytest.mark.parametrize("contender", [KERAS_PARTS, KERAS, KERAS_EPOCHS, KERAS_EPOCHS_JIT])
def test_keras_takes_the_same_steps_as_our_trainer(contender, windows):
    (ours, expected), (keras, found) = (fitted(name, windows, epochs=3) for name in (OURS, contender))
    for name in ("loss", "validation_loss"):
        np.testing.assert_allclose(*([getattr(one, name) for one in many] for many in (found, expected)), rtol=1e-3)
    for weights, others in zip(keras.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_allclose(weights, others, atol=1e-3)


@pytest.mark.parametrize("contender", [KERAS_PARTS, KERAS_EPOCHS])
def test_keras_stops_early_as_our_trainer_does(contender, windows):
    # Steps this large make the validation loss jump: it soon stops falling for two epochs.
    histories = [fitted(name, windows, epochs=60, patience=2, learning_rate=0.3)[1] for name in (OURS, contender)]
    assert len(histories[0]) == len(histories[1]) < 60


def fits(contender, recording, seconds, roc_auc=None, *, is_first=False):
    return [FitFigure(contender, recording, n, is_first, 1500, 10, s, 0.5, roc_auc) for n, s in enumerate(seconds)]


def test_tables_hold_medians_of_seconds_their_sums_and_the_first_seeds_mean_quality():
    found = TrainerComparison(
        this_machine(),
        1.0,
        (
            *fits(OURS, "host", (9.0,), is_first=True),
            *fits(KERAS_EPOCHS, "host", (20.0,), is_first=True),
            *fits(OURS, "host", (1.0, 8.0, 2.0), 0.8),
            *fits(KERAS_EPOCHS, "host", (4.0, 4.0, 5.0), 0.7),
            *fits(OURS, "adbench/x", (3.0,), 0.9),
        ),
    )
    assert found.cpu_table() == [
        ("recording", "windows", OURS, KERAS_EPOCHS),
        ("host, first in its process", "1,500", "9.00", "20.00"),
        ("host", "1,500", "2.00", "4.00"),
        ("adbench/x", "1,500", "3.00", ""),
        ("all, without first", "", "5.00", ""),
    ]
    assert found.quality_table()[1:] == [
        (OURS, "2", "10", "0.5000", "0.8500"),
        (KERAS_EPOCHS, "1", "10", "0.5000", "0.7000"),
    ]
