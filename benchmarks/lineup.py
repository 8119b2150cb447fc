"""The contenders that can be measured with the model file and, on a workstation, its run folder."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.contenders import Contender
from edge_runtime.errors import ModelFileError
from edge_runtime.inference.accelerators import edge_tpus
from edge_runtime.inference.runtimes import NUMPY, find_runtime, installed_runtimes
from edge_runtime.model_file.container import ModelFile, read_model_file
from training.run_folder import KERAS_FILE

_RECONSTRUCTION = "scaled window to reconstruction, without scaling and score"
_DETECTOR = "raw window to score"
_BARE = "raw window to score: set, invoke, get"
_BATCHES = (16, 256)
_KERAS = {
    "predict": "Keras predict",
    "call": "Keras model(x)",
    "function": "Keras tf.function",
    "xla": "Keras tf.function, XLA",
}
YARDSTICK = Contender("yardstick", "yardstick: two layers in numpy", "yardstick", macs=784 * 64 + 64 * 32,
                      covers="two layers, 784-64-32, float32")  # fmt: skip


def device_lineup(path: Path, accelerators: tuple[str, ...] = ()) -> list[Contender]:
    """Return what a device can measure: the detector in each runtime, the fastest first, and on each accelerator.

    Parameters
    ----------
    path : Path
        The model file.
    accelerators : tuple of str
        Measured in addition to the Edge TPUs that the kernel sees.
    """
    file = read_model_file(path)
    names = [*(runtime.name for runtime in installed_runtimes()), NUMPY]
    detectors = [_detector(path, file, name) for name in names]
    bare = replace(detectors[0], key="graph", title="its graph alone, without our Python", kind="graph", covers=_BARE)
    found = dict.fromkeys((*(f"edgetpu:{device.kind}" for device in edge_tpus()), *accelerators))
    return [*detectors, *(_accelerated(detectors[0], name) for name in found), bare, YARDSTICK]


def keras_lineup(run: Path, macs: int) -> list[Contender]:
    """Return the ways to call the full Keras model."""
    n_bytes = (run / KERAS_FILE).stat().st_size
    return [
        Contender(kind, title, kind, str(run), covers=_RECONSTRUCTION, macs=macs, n_bytes=n_bytes)
        for kind, title in _KERAS.items()
    ]


def throughput_lineup(path: Path, run: Path | None) -> list[Contender]:
    """Return the detector, and the full model, at several batch sizes and numbers of threads."""
    file = read_model_file(path)
    n_threads = sorted({1, min(2, os.cpu_count() or 1), min(4, os.cpu_count() or 1)})
    found = [
        _detector(path, file, "auto", batch, threads)
        for batch in (1, *_BATCHES)
        for threads in (n_threads if batch > 1 else [1])
    ]
    kinds = [("predict", "Keras predict"), ("function", "Keras tf.function")] if run else []
    return found + [
        Contender(f"{kind}x{_BATCHES[-1]}t1", title, kind, str(run), covers=_RECONSTRUCTION, batch=_BATCHES[-1])
        for kind, title in kinds
    ]


def graph_macs(flatbuffer: bytes) -> int:
    """Return the multiplications of weights in a graph for one window; 0 if no runtime can tell."""
    for runtime in installed_runtimes():
        with suppress(ModelFileError):  # its own row reports that it refuses the graph
            return _interpreter_macs(runtime.open(flatbuffer))
    return 0


def _interpreter_macs(interpreter: Any) -> int:
    shapes = {details["index"]: details["shape"] for details in interpreter.get_tensor_details()}
    ops = interpreter._get_ops_details()  # noqa: SLF001 - the only way to ask a runtime for its ops
    weights = [shapes[op["inputs"][1]] for op in ops if op["op_name"] in ("FULLY_CONNECTED", "BATCH_MATMUL")]
    return int(sum(shape[-1] * shape[-2] for shape in weights))


def _accelerated(detector: Contender, accelerator: str) -> Contender:
    name = Path(accelerator.partition(";")[0]).name
    return replace(detector, key=f"detector:{name}", title=f"device detector, {detector.runtime} with {name}",
                   accelerator=accelerator)  # fmt: skip


def _detector(path: Path, file: ModelFile, runtime: str, batch: int = 1, threads: int = 1) -> Contender:
    name = find_runtime(runtime).name
    is_first = batch == threads == 1 and name == find_runtime().name
    return Contender(
        "detector" if is_first else f"detector:{name}x{batch}t{threads}",
        f"device detector, {name}",
        "detector",
        str(path),
        name,
        _DETECTOR,
        graph_macs(file.flatbuffer),
        "int8" if file.manifest.quantization.scheme == "int8" else "float32",
        len(file.to_bytes()),
        batch,
        threads,
    )
