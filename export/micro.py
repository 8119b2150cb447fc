"""C sources for a microcontroller with TensorFlow Lite Micro: the graph as an array, and the detector around it.

The detector is that of the C library (`export.c_library`), whose network is left to the interpreter.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_runtime.common.atomic import write_atomically
from edge_runtime.model_file.container import ModelFile
from export.c_library.c_text import comment, fill, octets
from export.c_library.library import common_fields, detector_files

_MODEL_H = """\
// The graph of "@title@" for TensorFlow Lite Micro. Written by saelite @version@; SHA-256 @sha256@.
#ifndef @N@_MODEL_H_
#define @N@_MODEL_H_

#ifdef __cplusplus
extern "C" {
#endif

@arena@
extern const unsigned char @n@_model[];
extern const unsigned int @n@_model_size;

#ifdef __cplusplus
}
#endif

#endif  // @N@_MODEL_H_
"""

_ARENA = """\
// Bytes of the smallest arena that TensorFlow Lite Micro ran the graph in, on @machine@. A chip with 32-bit pointers
// needs no more. Align the arena to 16 bytes.
#define @N@_MODEL_ARENA_BYTES @arena_bytes@
"""
_NO_ARENA = """\
// The arena was not measured: tflite-micro was not installed where the model was exported.
"""

_MODEL_CC = """\
// Written by saelite @version@. The array is 16-byte aligned, as the interpreter wants it.
#include "@n@_model.h"

alignas(16) const unsigned char @n@_model[] = {
@bytes@
};
const unsigned int @n@_model_size = @size@;
"""


def c_sources(model: ModelFile, name: str) -> Mapping[str, str]:
    """Return ``NAME_model.h``, ``NAME_model.cc``, ``NAME_net.h``, ``NAME_detector.h`` and ``.c`` by file name."""
    fields = common_fields(model, name)
    array = {
        **fields,
        "arena": _arena_text(model, fields),
        "bytes": octets(model.flatbuffer),
        "size": len(model.flatbuffer),
    }
    models = {
        f"{fields['n']}_{ending}": fill(text, array)
        for ending, text in (("model.h", _MODEL_H), ("model.cc", _MODEL_CC))
    }
    return {**models, **detector_files(model, name)}


def _arena_text(model: ModelFile, fields: Mapping[str, Any]) -> str:
    for check in model.manifest.runtimes:
        if check.arena_bytes:
            return fill(_ARENA, {**fields, "machine": comment(check.machine), "arena_bytes": check.arena_bytes})
    return _NO_ARENA


def write_c_sources(model: ModelFile, beside: Path) -> list[Path]:
    """Write the C sources beside a model file and return their paths."""
    paths = []
    for name, text in c_sources(model, beside.stem).items():
        paths.append(beside.with_name(name))
        write_atomically(paths[-1], text.encode())
    return paths
