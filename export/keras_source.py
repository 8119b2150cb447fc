"""Any Keras autoencoder plus normal data, as a run that can be exported. Needs tensorflow.

The model's inputs are not scaled. Its score is the squared prediction error (head ``spe``), which is what such models
are trained to minimise.
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from edge_runtime.common.units import units_of
from edge_runtime.model_file.manifest import CHOSEN_ON_EXPORT, DetectorSpec, Provenance, Scoring, Sensor
from edge_runtime.signal.preprocessing import UNLIMITED, Preprocessing
from export.dense_layers import read_network
from export.normal_data import read_normal_data
from export.traced_graph import trace_model
from training.run_folder import NormalWindows, RunFolder

_PACKAGES = ("tensorflow", "keras", "numpy")


def run_from_keras(path: Path, representative: Path, encoder_output: str | None = None) -> RunFolder:
    """Return a run made of a Keras model and of normal data (see `export.source.read_source`)."""
    data = read_normal_data(representative)
    traced = trace_model(path, data.values.shape[1:])
    found = read_network(traced, encoder_output)
    inputs = len(found.network.encoder[0].kernel)
    readings = traced.input_shape[0] if len(traced.input_shape) == 2 else 1
    windows = data.windows(inputs, readings)
    (codes,) = traced.run([found.codes_op], windows.reshape(-1, *traced.input_shape))
    sensors = inputs // readings
    names = data.sensors if len(data.sensors) == sensors else tuple(f"x{number}" for number in range(sensors))
    return RunFolder(
        name=path.stem,
        spec=DetectorSpec(
            tuple(map(Sensor, names, units_of(names))),
            Preprocessing("none", (0.0,) * sensors, (1.0,) * sensors, readings, limit=UNLIMITED),
            Scoring("spe", CHOSEN_ON_EXPORT.smoothing_span, 0.0),
        ),
        network=found.network,
        windows=NormalWindows(windows, codes.reshape(len(codes), -1)),
        is_series=True,
        provenance=Provenance({name: importlib.metadata.version(name) for name in _PACKAGES}, data.sha256),
        training={},
    )
