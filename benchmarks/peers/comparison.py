"""All peers on one recording, one after the other for learning, by turns for latency."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.latency import OnStep
from benchmarks.machine import this_machine
from benchmarks.peers.result import PeerBenchmark, PeerRow
from benchmarks.peers.sizes import OWN_PACKAGES, installed_bytes
from benchmarks.peers.task import read_task
from benchmarks.worker_process import WorkerProcess


@dataclass(frozen=True)
class Peer:
    """A detector or runtime.

    Parameters
    ----------
    key : str
        A name `benchmarks.peers.worker` knows.
    title : str
    packages : tuple of str
        What a device would have to install.
    modules : tuple of str
        What must be importable here.
    """

    key: str
    title: str
    packages: tuple[str, ...]
    modules: tuple[str, ...]


PEERS = (
    Peer("ai-edge-litert", "saelite int8, LiteRT", OWN_PACKAGES["ai-edge-litert"], ("ai_edge_litert",)),
    Peer("tflite-runtime", "saelite int8, tflite-runtime", OWN_PACKAGES["tflite-runtime"], ("tflite_runtime",)),
    Peer("onnx_int8", "the same network, ONNX Runtime int8", ("onnxruntime",), ("onnxruntime", "onnx")),
    Peer("onnx_float32", "the same network, ONNX Runtime float32", ("onnxruntime",), ("onnxruntime", "onnx")),
    Peer("pytorch", "the same network, PyTorch float32", ("torch", "numpy"), ("torch",)),
    Peer("isolation_forest", "scikit-learn IsolationForest", ("scikit-learn",), ("sklearn",)),
    Peer("pca", "scikit-learn PCA", ("scikit-learn",), ("sklearn",)),
    Peer("pyod_autoencoder", "PyOD AutoEncoder", ("pyod", "torch"), ("pyod", "torch")),
    Peer("pyod_knn", "PyOD KNN", ("pyod",), ("pyod",)),
    Peer("pyod_ecod", "PyOD ECOD", ("pyod",), ("pyod",)),
    Peer("half_space_trees", "river HalfSpaceTrees", ("river",), ("river",)),
)


def compare_peers(
    recording: Path, n_normal: int, *, rounds: int = 6, round_s: float = 0.5, on_step: OnStep = lambda _: None
) -> PeerBenchmark:
    """Fit every installed peer on the first rows of a labelled recording and score the rest.

    Each runs in a process of its own, with one thread, pinned to one core.
    """
    present = [peer for peer in PEERS if all(find_spec(module) for module in peer.modules)]
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        on_step("training and exporting our own")
        own_fit = [str(recording.resolve()), str(n_normal), name]
        with WorkerProcess("our own training", "benchmarks.peers.own_fit", own_fit) as own:
            own_fit_s = float(own.start["fit_s"])
        workers = [_start(peer, name, stack, on_step) for peer in present]
        rounds_of = _rounds(workers, rounds, round_s, on_step)
        task = read_task(folder / "task.npz")
        rows = []
        for peer, worker, answers in zip(present, workers, rounds_of, strict=True):
            scores = np.load(folder / f"{peer.key}.npy", allow_pickle=False)
            learns = peer.key not in ("onnx_int8", "onnx_float32", "pytorch")
            fit_s = own_fit_s if peer.key in OWN_PACKAGES else float(worker.start["fit_s"])
            rows.append(PeerRow(
                peer.title, float(roc_auc_score(task.labels, scores)), fit_s if learns else None,
                float(np.median([answer["us"][50] for answer in answers])), float(worker.start["windows_per_s"]),
                int(answers[-1].get("peak", 0)), installed_bytes(peer.packages),
            ))  # fmt: skip
        text = (f"{task.name}: {len(task.normal):,} normal windows of {task.normal.shape[1]} values to learn from, "
                f"{len(task.test):,} scored, {int(task.labels.sum()):,} of them anomalous")  # fmt: skip
    missing = tuple(peer.title for peer in PEERS if peer not in present)
    return PeerBenchmark(text, this_machine(), tuple(rows), missing)


def _start(peer: Peer, folder: str, stack: ExitStack, on_step: Callable[[str], None]) -> WorkerProcess:
    on_step(f"fitting {peer.title}")
    return stack.enter_context(WorkerProcess(peer.title, "benchmarks.peers.worker", [peer.key, folder]))


def _rounds(
    workers: list[WorkerProcess], rounds: int, round_s: float, on_step: Callable[[str], None]
) -> list[list[dict[str, Any]]]:
    found: list[list[dict[str, Any]]] = [[] for _ in workers]
    for number in range(rounds):
        for worker, answers in zip(workers, found, strict=True):
            on_step(f"round {number + 1} of {rounds}: {worker.title}")
            answers.append(worker.round(round_s))
    return found
