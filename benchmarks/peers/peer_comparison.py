"""All peers on one recording: trained one after another, timed in turns."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.benchmark_result import Failure
from benchmarks.peers.peer_result import PeerBenchmark, PeerRow
from benchmarks.peers.sizes import OWN_PACKAGES, installed_bytes
from benchmarks.peers.task import PeerTask, read_task
from benchmarks.rounds import THOROUGH, OnStep, Taken, Turns, take_turns
from benchmarks.this_machine import this_machine
from benchmarks.worker_process import Job, WorkerProcess


@dataclass(frozen=True)
class Peer:
    """A detector or runtime.

    Parameters
    ----------
    key : str
        A name `benchmarks.peers.peer_worker` knows.
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
_GIVEN_OUR_NETWORK = ("onnx_int8", "onnx_float32", "pytorch")


def compare_peers(
    recording: Path, n_normal: int, turns: Turns = THOROUGH, on_step: OnStep = lambda _: None
) -> PeerBenchmark:
    """Fit every installed peer on the first rows of a labelled recording and score the rest.

    Each runs in a process of its own, with one thread, pinned to one core.
    """
    present = [peer for peer in PEERS if all(find_spec(module) for module in peer.modules)]
    with tempfile.TemporaryDirectory() as name:
        on_step("training and exporting saelite's detector")
        own_fit = Job("our own training", "benchmarks.peers.own_fit", (str(recording.resolve()), str(n_normal), name))
        with WorkerProcess(own_fit) as own:
            own_fit_s = float(own.start["fit_s"])
        jobs = [Job(peer.title, "benchmarks.peers.peer_worker", (peer.key, name)) for peer in present]
        both = list(zip(present, take_turns(jobs, turns, on_step), strict=True))
        task = read_task(Path(name) / "task.npz")
        rows = [_row(peer, taken, Path(name), task, own_fit_s) for peer, taken in both if not taken.failure]
    return PeerBenchmark(
        recording=f"{task.name}: {len(task.normal):,} normal windows of {task.normal.shape[1]} values to learn from, "
        f"{len(task.test):,} scored, {int(task.labels.sum()):,} of them anomalous",
        machine=this_machine(),
        rows=tuple(rows),
        missing=tuple(peer.title for peer in PEERS if peer not in present),
        failures=tuple(Failure(peer.title, taken.failure) for peer, taken in both if taken.failure),
    )


def _row(peer: Peer, taken: Taken, folder: Path, task: PeerTask, own_fit_s: float) -> PeerRow:
    fit_s = own_fit_s if peer.key in OWN_PACKAGES else float(taken.start["fit_s"])
    return PeerRow(
        title=peer.title,
        roc_auc=float(roc_auc_score(task.labels, np.load(folder / f"{peer.key}.npy", allow_pickle=False))),
        fit_s=None if peer.key in _GIVEN_OUR_NETWORK else fit_s,
        p50_us=float(np.median(np.concatenate([one.durations_ns for one in taken.rounds]))) / 1e3,
        windows_per_s=float(taken.start["windows_per_s"]),
        peak_bytes=int(taken.start.get("peak", 0)),
        installed_bytes=installed_bytes(peer.packages),
    )
