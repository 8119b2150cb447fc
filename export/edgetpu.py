"""The Edge TPU: which ops of a graph run on it, its compiler, and the manifest that the compiler drops.

References
----------
https://coral.ai/docs/edgetpu/models-intro (supported operations), https://coral.ai/docs/edgetpu/compiler (usage, log)
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from edge_runtime.errors import ModelFileError
from edge_runtime.model_file.container import ModelFile
from edge_runtime.model_file.manifest import NotRun, OpPlace
from export import flatbuffer
from export.flatbuffer import ParsedFlatbuffer
from export.targets import EDGETPU_OPS

COMPILER = "edgetpu_compiler"
CUSTOM_OP = "CUSTOM:edgetpu-custom-op"
TPU, CPU = "Edge TPU", "CPU"
_TIMEOUT_S = 300
_LOG_LINE = re.compile(r"^(\w+)\s+(\d+)\s+(\S.*)$", re.MULTILINE)
_VERSION = re.compile(r"^Edge TPU Compiler version (\S+)", re.MULTILINE)


def expected_places(parsed: ParsedFlatbuffer) -> tuple[OpPlace, ...]:
    """Return where each op of an uncompiled graph is expected to run, in the graph's order.

    The compiler maps one sequence of ops from the start; everything after the first unsupported op stays on the CPU.
    """
    places, stopped_at = [], ""
    for operator in parsed.subgraph.operators:
        name = parsed.op_name(operator)
        if not stopped_at and name not in EDGETPU_OPS:
            stopped_at = name
        if not stopped_at:
            places.append(OpPlace(name, 1, TPU, "documented as supported"))
        elif name == stopped_at:
            places.append(OpPlace(name, 1, CPU, "not among the supported operations"))
        else:
            places.append(OpPlace(name, 1, CPU, f"comes after {stopped_at}, where the TPU's part ends"))
    return tuple(places)


def read_log(text: str) -> tuple[OpPlace, ...]:
    """Return the compiler's own table.

    >>> read_log('''Edge TPU Compiler version 16.0.384591198
    ... Operator                       Count      Status
    ...
    ... FULLY_CONNECTED                2          Mapped to Edge TPU
    ... ELU                            1          Operation not supported
    ... ''')
    (OpPlace(op='FULLY_CONNECTED', count=2, place='Edge TPU', reason='Mapped to Edge TPU'),
     OpPlace(op='ELU', count=1, place='CPU', reason='Operation not supported'))
    """
    return tuple(
        OpPlace(name, int(count), TPU if status.startswith("Mapped to Edge TPU") else CPU, status.strip())
        for name, count, status in _LOG_LINE.findall(text)
    )


def command(path: Path) -> str:
    """Return the command line that compiles a file."""
    return f"{COMPILER} --show_operations --out_dir . {path}"


def compile_model(model: ModelFile) -> ModelFile | None:
    """Return the model compiled, if the compiler is on PATH; else None.

    Raises
    ------
    ModelFileError
        If the compiler refuses the graph, or maps none of it.
    """
    compiler = shutil.which(COMPILER)
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(model.flatbuffer)
        process = subprocess.run(
            [compiler, "--show_operations", "--out_dir", folder, str(path)],
            capture_output=True, text=True, timeout=_TIMEOUT_S, check=False,
        )  # fmt: skip
        output, log = (path.with_name(f"model_edgetpu.{ending}") for ending in ("tflite", "log"))
        if process.returncode or not output.is_file():
            reason = (process.stderr.strip() or process.stdout.strip() or "no reason given").splitlines()[-1]
            raise ModelFileError(f"{COMPILER} refuses the graph: {reason}")
        text = f"{process.stdout}\n{log.read_text() if log.is_file() else ''}"
        return attach(model, output.read_bytes(), text)


def attach(model: ModelFile, compiled: bytes, log: str = "") -> ModelFile:
    """Return a compiled graph with the manifest and arrays of the model it was compiled from, unsigned.

    Raises
    ------
    ModelFileError
        If the graph holds no part for the Edge TPU, or its inputs and outputs are not the model's.
    """
    # The compiler writes nothing after the flatbuffer; a ZIP found there is not part of it.
    parsed = flatbuffer.parse(compiled)
    _check_compiled(parsed, model)
    version = _VERSION.search(log)
    packages = dict(model.manifest.provenance.packages) | ({COMPILER: version[1]} if version else {})
    manifest = replace(
        model.manifest,
        flatbuffer_sha256=parsed.sha256,
        ops=parsed.ops,
        op_places=read_log(log) or model.manifest.op_places,
        not_run=(NotRun("edgetpu", "no Edge TPU: scores and parity are those of the graph before compilation"),),
        provenance=model.manifest.provenance._replace(packages=packages),
    )
    return ModelFile(compiled, manifest, model.arrays)


def _check_compiled(compiled: ParsedFlatbuffer, model: ModelFile) -> None:
    names = [op.name for op in compiled.ops]
    if CUSTOM_OP not in names:
        raise ModelFileError(
            f"the compiled file holds no edgetpu-custom-op: nothing of it would run on the Edge TPU. "
            f"Received ops: {', '.join(names)}."
        )
    expected = flatbuffer.parse(model.flatbuffer).ends
    if compiled.ends != expected:
        raise ModelFileError(
            f"the compiled file was not made from this model: expected inputs and outputs {expected}. "
            f"Received: {compiled.ends}."
        )
