"""A small machine to learn from: a pump with four sensors, and its recordings."""

import numpy as np

SENSORS = ("flow", "pressure", "current", "vibration")


def pump_rows(n, seed=0, *, jumps=True):
    """Return readings of a pump: two hidden causes, four sensors in different units.

    At the end of its range a cause jumps back to the other end, or without jumps turns round.
    """
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.normal(size=(2, n)), axis=1) * 0.1
    load, speed = walk % 2.0 if jumps else np.abs(walk % 4.0 - 2.0)
    noise = rng.normal(size=(4, n))
    columns = [
        30 + 5 * load + 0.3 * noise[0],
        101_325 + 2_000 * load * speed + 80 * noise[1],
        1.2 + 0.4 * speed + 0.02 * noise[2],
        0.002 + 0.001 * speed**2 + 0.0001 * noise[3],
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def write_csv(path, rows, header=SENSORS, **columns):
    """Write rows, and text columns after them."""
    lines = [",".join([*header, *columns])]
    lines += [
        ",".join([*(f"{value:.9g}" for value in row), *(str(column[number]) for column in columns.values())])
        for number, row in enumerate(rows)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def train_pump(head="t2x", **options):
    """Return a detector of windows of three readings, trained for a second."""
    from training.pipeline import train
    from training.recordings import Recording
    from training.settings import DetectorSettings

    recording = Recording("pump", SENSORS, pump_rows(2000))
    small = {
        "window": 3,
        "code_size": 12,
        "hidden": (16,),
        "smoothing_span": 5,
        "mean_rate": 0.0,
        "scale_rate": 0.0,
        "epochs": 20,
        "seed": 1,
    }
    return train(recording, DetectorSettings(head=head, **{**small, **options}))
