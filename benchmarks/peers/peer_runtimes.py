"""saelite's trained detector, including scaling and head, in other runtimes and in its own."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from benchmarks.peers.detectors import PeerScorer
from edge_runtime.arrays import FloatArray
from edge_runtime.inference.heads import Head
from edge_runtime.signal.preprocessing import gain
from training.run_folder import RunFolder


def ours(model: Path, runtime: str) -> PeerScorer:
    """Return the detector as users call it."""
    from edge_runtime import Detector

    detector = Detector.load(model, runtime=runtime)
    return PeerScorer(detector.score_many, lambda window: detector.score(window[0]))


def onnx_session(path: Path) -> PeerScorer:
    """Return the detector in ONNX Runtime: raw windows in, scores out."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [session.get_outputs()[0].name]

    def many(windows: FloatArray) -> Any:
        return session.run(names, {"window": windows})[0]

    return PeerScorer(many, lambda window: many(window)[0])


def pytorch(run: RunFolder, head: Head) -> PeerScorer:
    """Return the detector in PyTorch: traced, frozen, in inference mode."""
    import torch

    torch.set_num_threads(1)
    preprocessing = run.spec.preprocessing
    center, factor = torch.tensor(preprocessing.center), torch.from_numpy(gain(preprocessing.scale))
    layers = [(torch.tensor(layer.kernel), torch.tensor(layer.bias), _activation(layer.activation))
              for layer in run.network.encoder]  # fmt: skip
    mean, whitening = torch.tensor(head.mean), torch.tensor(head.whitening)

    class Network(torch.nn.Module):  # type: ignore[misc] # the package has no types
        def forward(self, window: Any) -> Any:
            x = torch.clamp((window - center) * factor, -preprocessing.limit, preprocessing.limit).flatten(1)
            codes = x
            for kernel, bias, activation in layers:
                codes = activation(torch.addmm(bias, codes, kernel))
            z = torch.cat([x, codes], 1) if "inputs" in head.parts else codes
            return torch.square((z - mean) @ whitening).sum(1)

    example = torch.zeros((1, preprocessing.window, preprocessing.sensors))
    # Called deprecated, and still its best call for one window: 25 us; 32 as written, 52 through torch.compile.
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        traced = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(Network().eval(), example)))

    def many(windows: FloatArray) -> Any:
        with torch.inference_mode():
            return traced(torch.from_numpy(windows)).numpy()

    return PeerScorer(many, lambda window: many(window)[0])


def _activation(name: str) -> Any:
    import torch

    return (lambda x: x) if name == "linear" else getattr(torch, name)
