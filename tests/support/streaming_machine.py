"""What the long measurements of streams share: a model of eight sensors, and readings for it."""

import numpy as np

EIGHT = ("flow", "pressure", "current", "vibration", "heat", "level", "speed", "torque")


def rows_of(n, sensors=8, seed=0):
    """Return readings with two hidden causes."""
    rng = np.random.default_rng(seed)
    causes = np.stack([np.sin(np.arange(n) / 50), np.cos(np.arange(n) / 80)])
    mixing = np.random.default_rng(1).normal(size=(sensors, 2))
    return (10 + (mixing @ causes).T + 0.1 * rng.normal(size=(n, sensors))).astype(np.float32)


def write_model(path, window=1, sensors=EIGHT, **settings):
    """Train for a second and write an int8 model file."""
    from export.export_run import ExportSettings, export_run
    from training.pipeline import train
    from training.recordings import Recording
    from training.settings import DetectorSettings

    recording = Recording("eight", sensors, rows_of(4000, len(sensors)), None, (), 0, "0" * 64)
    settings = DetectorSettings(window=window, code_size=8, hidden=(16,), epochs=10, seed=1, **settings)
    export_run(train(recording, settings).folder, ExportSettings("int8")).write(path)
