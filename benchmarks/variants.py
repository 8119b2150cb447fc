"""Other forms of the same network, to be timed beside the model file: they need tensorflow, the file does not.

Full model as float32 TFLite, encoder alone in each quantisation scheme, encoder as ONNX in float32 and int8, and a
layer large enough to show what the machine can do.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks.contenders import PEAK_UNITS, Contender
from edge_runtime.arrays import FloatArray
from edge_runtime.inference.runtimes import installed_runtimes
from export.flatbuffer import parse
from export.inference_graph import build_network_graph
from export.quantization import SCHEMES, quantize
from export.targets import TARGETS
from training.run_folder import DenseLayer, Network, RunFolder

_CODES = "scaled window to codes"
_PEAK_ROWS = 256
_RANGED_WINDOWS = 1000


def variants(run: RunFolder, folder: Path) -> list[Contender]:
    """Write the files and return a contender for each that can be measured here."""
    windows = run.spec.preprocessing.transform(run.windows.windows[:_RANGED_WINDOWS]).reshape(
        -1, run.spec.preprocessing.inputs
    )
    encoder, whole = run.network.encoder, (*run.network.encoder, *run.network.decoder)
    full = _write(folder / "full_float32.tflite", build_network_graph(Network(whole)))
    found = [Contender(
        f"full_float32:{name}", f"full model, float32 TFLite, {name}", "graph", str(full), name,
        "scaled window to reconstruction", macs(whole), n_bytes=full.stat().st_size,
    ) for name in _runtimes()]  # fmt: skip
    encoder_graph = parse(build_network_graph(Network(encoder)))
    for scheme in SCHEMES:
        path = _write(
            folder / f"encoder_{scheme}.tflite", quantize(encoder_graph, scheme, TARGETS["cpu"], windows).content
        )
        found.append(Contender(
            f"encoder_{scheme}", f"encoder only, {scheme}", "graph", str(path), "auto", _CODES, macs(encoder),
            "int8" if scheme == "int8" else "float32", path.stat().st_size,
        ))  # fmt: skip
    return found + _onnx_variants(encoder, windows, folder)


def peak_layer(folder: Path) -> Contender:
    """Return a contender that does little besides multiplying int8 matrices."""
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(PEAK_UNITS, PEAK_UNITS)).astype(np.float32)
    layer = DenseLayer(kernel, np.zeros(PEAK_UNITS, np.float32), "linear")
    rows = rng.normal(size=(_PEAK_ROWS, PEAK_UNITS)).astype(np.float32)
    graph = parse(build_network_graph(Network((layer,)), batch=_PEAK_ROWS))
    path = _write(folder / "peak_int8.tflite", quantize(graph, "int8", TARGETS["cpu"], rows).content)
    return Contender("peak_int8", "int8 matrix peak", "graph", str(path), macs=macs((layer,)) * _PEAK_ROWS,
                     numbers="int8")  # fmt: skip


def macs(layers: tuple[DenseLayer, ...]) -> int:
    """Return the multiplications of weights for one window."""
    return sum(layer.kernel.size for layer in layers)


def _runtimes() -> list[str]:
    return [runtime.name for runtime in installed_runtimes()]


def _onnx_variants(layers: tuple[DenseLayer, ...], windows: FloatArray, folder: Path) -> list[Contender]:
    """Return two contenders; without the packages they have no files, and say so when they are started."""
    found = [Contender(f"onnx_{numbers}", f"encoder only, ONNX Runtime {numbers}", "onnx", covers=_CODES,
                       macs=macs(layers), numbers=numbers) for numbers in ("float32", "int8")]  # fmt: skip
    if not (find_spec("onnxruntime") and find_spec("onnx")):
        return found
    from benchmarks.onnx_files import write_encoder

    files = write_encoder(layers, windows, folder)
    return [replace(one, path=str(files[one.numbers]), n_bytes=files[one.numbers].stat().st_size) for one in found]


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
