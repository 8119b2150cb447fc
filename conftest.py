"""Files that the examples in docstrings load."""

import pytest


@pytest.fixture(autouse=True)
def _model_file_at_hand(request, tmp_path_factory, monkeypatch):
    """Lay a small model file, the same every time, beside the examples that load one."""
    if request.node.name in ("edge_runtime.inference.detector.Detector", "edge_runtime.streaming.stream.Stream"):
        from network_files import float_graph, model_file

        folder = tmp_path_factory.mktemp("examples")
        model_file(float_graph()).write(folder / "pump.tflite")
        monkeypatch.chdir(folder)
