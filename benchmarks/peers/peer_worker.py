"""One peer in its own process: ``python -m benchmarks.peers.peer_worker KEY FOLDER CORES STARTED_NS``.

It learns, scores every window, writes the scores, and then times single windows on demand.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.peers import detectors, peer_runtimes
from benchmarks.peers.detectors import PeerScorer
from benchmarks.peers.task import read_task
from benchmarks.worker import pin, serve
from edge_runtime.arrays import FloatArray
from training.run_folder import read_run_folder


def _pytorch(folder: Path) -> PeerScorer:
    from benchmarks.peers.head import peer_head

    run = read_run_folder(folder / "run")
    return peer_runtimes.pytorch(run, peer_head(run))


LEARNERS: dict[str, Callable[[FloatArray], PeerScorer]] = {
    "isolation_forest": detectors.isolation_forest,
    "pca": detectors.principal_components,
    "pyod_autoencoder": detectors.pyod_autoencoder,
    "pyod_knn": detectors.pyod_knn,
    "pyod_ecod": detectors.pyod_ecod,
    "half_space_trees": detectors.half_space_trees,
}
RUNNERS: dict[str, Callable[[Path], PeerScorer]] = {
    "ai-edge-litert": lambda folder: peer_runtimes.ours(folder / "model.tflite", "ai-edge-litert"),
    "tflite-runtime": lambda folder: peer_runtimes.ours(folder / "model.tflite", "tflite-runtime"),
    "onnx_float32": lambda folder: peer_runtimes.onnx_session(folder / "detector_float32.onnx"),
    "onnx_int8": lambda folder: peer_runtimes.onnx_session(folder / "detector_int8.onnx"),
    "pytorch": _pytorch,
}
_PRACTICE = 200
_MANY_S, _MANY_CALLS = 1.0, 3


def main(key: str, folder: str, cores: str, _: str) -> None:
    """Fit, score, and time."""
    pin(cores)
    task = read_task(Path(folder) / "task.npz")
    test = task.test if key in LEARNERS else task.raw_test
    if key in LEARNERS:
        LEARNERS[key](task.normal[:_PRACTICE])  # so that imports and just-in-time compilers are not in its time
    started = time.monotonic()
    scorer = LEARNERS[key](task.normal) if key in LEARNERS else RUNNERS[key](Path(folder))
    fit_s = time.monotonic() - started
    durations: list[float] = []
    while sum(durations) < _MANY_S or len(durations) < _MANY_CALLS:
        started = time.monotonic()
        scores = np.asarray(scorer.many(test), np.float64)
        durations.append(time.monotonic() - started)
    np.save(Path(folder) / f"{key}.npy", scores)
    window = np.ascontiguousarray(test[:1])
    serve(lambda: scorer.one(window), {"fit_s": fit_s, "windows_per_s": len(test) / min(durations)})


if __name__ == "__main__":
    main(*sys.argv[1:5])
