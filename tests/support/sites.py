"""The tests' pump at another site, and model files adapted to it."""

from functools import cache
from pathlib import Path

import numpy as np
from machines import pump_rows, train_pump

from edge_runtime.inference.runtimes import find_runtime
from edge_runtime.model_file.container import parse_model_file
from edge_runtime.refitting.adapt import AdaptSettings, adapt
from edge_runtime.refitting.normal_readings import NormalReadings, Shape

GAINS, OFFSETS = np.float32([1.3, 0.5, 2.0, 1.0]), np.float32([10.0, 5_000.0, -1.0, 0.01])
PATH = Path("pump.tflite")


def site_rows(n, seed=5, **options):
    """Return readings of the pump with other gains and offsets."""
    return pump_rows(n, seed=seed, **options) * GAINS + OFFSETS


@cache
def made(head, target="cpu", scheme="int8"):
    """Return the bytes of a model file of the pump with a scoring head of choice."""
    from export.export_run import ExportSettings, export_run

    return export_run(train_pump(head).folder, ExportSettings(scheme, target)).to_bytes()


def collected(rows, content, breaks=()):
    """Return readings in the form that a model file is adapted to."""
    normal = NormalReadings(Shape.of(parse_model_file(content, PATH).manifest.spec.preprocessing))
    for number, part in enumerate(np.split(rows, breaks)):
        normal.add(part, follows=number > 0 and not breaks)
    return normal


def adapted(content, rows, step_s=1.0, **options):
    """Return a model file adapted to rows."""
    return adapt(content, PATH, collected(rows, content), step_s, AdaptSettings(find_runtime(), **options))


@cache
def at_site(head, target="cpu", scheme="int8"):
    """Return the pump's model file adapted to 3,000 readings of the other site."""
    return adapted(made(head, target, scheme), site_rows(3_000))
