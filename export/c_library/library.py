"""The C library of a model file: its files, by path."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.common.atomic import write_atomically
from edge_runtime.errors import UsageError
from edge_runtime.inference.heads import needs_network
from edge_runtime.inference.numpy_executor.fixed_point import Rounding
from edge_runtime.model_file.container import ModelFile
from export import flatbuffer
from export.c_library.c_text import comment, identifier
from export.c_library.detector_source import detector_sources, follows, ram_bytes
from export.c_library.layouts.parts import LibraryParts, example_fields
from export.c_library.layouts.table import DEFAULT_LAYOUT, LAYOUTS
from export.c_library.net_source import net_header, net_source
from export.c_library.net_templates import PAIRS
from export.c_library.network import FloatDense, FloatFunction, Program, read_program
from export.c_library.readme import network_text, readme_text
from export.c_library.selftest_source import selftest_source

ROUNDINGS: Mapping[str, Rounding] = {"litert": Rounding.ONCE, "tflm": Rounding.MICRO}
_CONTRACT = {
    "c": "// Runs the network once. It calls nothing, and keeps nothing.",
    "micro": "// For you to write, with an interpreter around @n@_model: copy `inputs` into its input, invoke it, and\n"
    "// copy its outputs, which have these names, into `outputs`.",
}


def c_library(model: ModelFile, name: str, rounding: str = "litert", layout: str = DEFAULT_LAYOUT) -> dict[str, str]:
    """Return the contents of the C library's files by path.

    Parameters
    ----------
    model : ModelFile
        With a network graph, int8 or float32.
    name : str
        Prefix of files and functions, as far as C takes it.
    rounding : str
        A key of `ROUNDINGS`: whose int8 kernels the network follows, bit for bit.
    layout : str
        A key of `LAYOUTS`: whose folders and manifests the library has.

    Raises
    ------
    UsageError
        If rounding or layout is unknown, or the graph holds something that has no form in C.
    """
    for what, known, given in (("rounding", ROUNDINGS, rounding), ("layout", LAYOUTS, layout)):
        if given not in known:
            raise UsageError(f"unknown {what}: expected one of {', '.join(known)}. Received: {given!r}")
    return LAYOUTS[layout](_parts(model, name, rounding))


def _parts(model: ModelFile, name: str, rounding: str) -> LibraryParts:
    program = read_program(model.flatbuffer, ROUNDINGS[rounding])
    fields = common_fields(model, name)
    if program.is_int8:
        fields["about"] += f"; integers round as {'LiteRT' if rounding == 'litert' else 'TensorFlow Lite Micro'} does"
    fields["net_includes"] = _net_includes(program)
    prefix = fields["n"]
    files = {
        f"{prefix}_net.c": net_source(fields, program, ROUNDINGS[rounding]),
        **detector_files(model, name, fields),
    }
    network = network_text(fields, program, rounding)
    return LibraryParts(
        fields={**fields, **example_fields(model, prefix), "network": network},
        sources={path: text for path, text in files.items() if path.endswith(".c")},
        headers={path: text for path, text in files.items() if path.endswith(".h")},
        selftest={f"{prefix}_selftest.c": selftest_source(model, fields, ROUNDINGS[rounding])},
        readme=readme_text(model, fields, program),
        sensors=model.manifest.spec.sensors,
    )


def write_c_library(
    model: ModelFile, beside: Path, rounding: str = "litert", layout: str = DEFAULT_LAYOUT
) -> list[Path]:
    """Write the C library into a folder beside a model file, called as the file is, and return its paths."""
    folder = beside.with_suffix("")
    paths = []
    for name, text in c_library(model, beside.stem, rounding, layout).items():
        paths.append(folder / name)
        paths[-1].parent.mkdir(parents=True, exist_ok=True)
        write_atomically(paths[-1], text.encode())
    return paths


def detector_files(model: ModelFile, name: str, fields: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Return ``NAME_net.h``, ``NAME_detector.h`` and ``NAME_detector.c``: all but the network itself."""
    fields = common_fields(model, name) if fields is None else fields
    prefix, widths = fields["n"], _widths(model)
    header, source = detector_sources(model, fields, widths)
    return {
        f"{prefix}_net.h": net_header(fields, widths, model.manifest.outputs),
        f"{prefix}_detector.h": header,
        f"{prefix}_detector.c": source,
    }


def common_fields(model: ModelFile, name: str) -> dict[str, Any]:
    """Return what all files of a detector have in common: names, types, sizes."""
    spec, is_int8 = model.manifest.spec, bool(model.manifest.quantization.input_scale)
    c_name, widths = identifier(name), _widths(model)
    contract = _CONTRACT["c" if model.manifest.target == "c" else "micro"].replace("@n@", c_name)
    return {
        "n": c_name, "N": c_name.upper(), "title": comment(model.manifest.name), "sha256": model.sha256,
        "version": version("saelite"), "type": "int8_t" if is_int8 else "float", "net_contract": contract,
        "inputs": spec.preprocessing.inputs, "ram": ram_bytes(model, widths),
        "about": f"{spec.preprocessing.inputs} inputs, {', '.join(f'{width} {one}' for one, width in widths.items())}",
        "libm": _libm_text(model), "runs_network": needs_network(spec.scoring.head),
    }  # fmt: skip


def _widths(model: ModelFile) -> dict[str, int]:
    widths = flatbuffer.parse(model.flatbuffer).output_widths
    return {output.name: int(width) for output, width in zip(model.manifest.outputs, widths, strict=True)}


def _libm_text(model: ModelFile) -> str:
    used = libm_functions(model)
    return f"Of math.h it calls {', '.join(used)}." if used else "Of math.h it calls no function."


def libm_functions(model: ModelFile) -> list[str]:
    """Return the functions of math.h that the detector calls around the network."""
    spec = model.manifest.spec
    needed = {
        "logf": bool(spec.preprocessing.spectra),
        "sqrtf": "std" in spec.preprocessing.features,
        "sqrt": follows(spec),
    }
    return [name for name, is_needed in needed.items() if is_needed]


def _net_includes(program: Program) -> str:
    if program.is_int8:
        return PAIRS
    uses_math = any(
        isinstance(step, FloatFunction) or (isinstance(step, FloatDense) and not np.isfinite(step.low + step.high))
        for step in program.steps
    )
    return "\n#include <math.h>\n" if uses_math else ""
