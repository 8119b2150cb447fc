"""The model the published figures are taken on: 784-64-32-64-784, trained on handwritten digits."""

from __future__ import annotations

import hashlib

import numpy as np

from training.pipeline import train
from training.recordings import Recording
from training.settings import DetectorSettings
from training.trained_run import TrainedRun
from training.trainer import OnEpoch

_SIDE, _SHOWN_SIDE = 8, 28
_HIDDEN, _CODES = (64,), 32
# Pixels at the edge never change; a detector has no use for sensors that never move.
_NOISE = 0.02


def digits_recording() -> Recording:
    """Return scikit-learn's 1,797 digits of 8 x 8 pixels, blown up to 28 x 28, as a recording of 784 sensors."""
    from sklearn.datasets import load_digits

    images = load_digits().images.astype(np.float32) / 16.0
    nearest = np.arange(_SHOWN_SIDE) * _SIDE // _SHOWN_SIDE
    pixels = images[:, nearest][:, :, nearest].reshape(len(images), -1)
    noisy = (pixels + np.random.default_rng(0).normal(0, _NOISE, pixels.shape)).astype(np.float32)
    names = tuple(f"pixel_{row}_{column}" for row in range(_SHOWN_SIDE) for column in range(_SHOWN_SIDE))
    return Recording("digits", names, noisy, sha256=hashlib.sha256(noisy.tobytes()).hexdigest())


def train_digits(head: str, epochs: int, on_epoch: OnEpoch = lambda _: None) -> TrainedRun:
    """Train the model; how well it detects is not the point of it."""
    settings = DetectorSettings(code_size=_CODES, hidden=_HIDDEN, head=head, smoothing_span=1, epochs=epochs)
    return train(digits_recording(), settings, on_epoch)
