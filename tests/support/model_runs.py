"""A model file run in a real runtime."""

from edge_runtime.inference.host_scoring import HostScoring
from export.runtime_check import run_in
from export.targets import NETWORK


def run_model(installed, model, windows):
    """Return what a runtime gives for raw windows: codes and raw scores."""
    host = HostScoring.of(model) if model.manifest.graph == NETWORK else None
    return run_in(installed, model.flatbuffer, host, windows)
