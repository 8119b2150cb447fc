"""Names for the constants that a device may change (`edge_runtime.model_file.patching`).

The converter renames, folds and shares constants by their values, so a graph is converted with marks in their places:
random numbers, which it can neither fold nor confuse, and which are found again whatever it did.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import ModelFileError
from edge_runtime.model_file.patching import PREFIX, TRANSPOSED
from export.flatbuffer import parse, serialize


def marks_for(constants: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Return other numbers of the same shapes, all different from each other."""
    rng = np.random.default_rng(0)
    return {name: rng.uniform(0.5, 1.5, value.shape).astype(np.float32) for name, value in constants.items()}


def with_named_constants(flatbuffer: bytes, marks: Mapping[str, FloatArray]) -> bytes:
    """Return the flatbuffer with each mark's tensor named.

    Raises
    ------
    ModelFileError
        If a mark is not there exactly once.
    """
    names = {np.ascontiguousarray(mark.T).tobytes(): f"{PREFIX}{name}{TRANSPOSED}" for name, mark in marks.items()}
    # A vector is its own transpose.
    names |= {mark.tobytes(): f"{PREFIX}{name}" for name, mark in marks.items()}
    tree, found = parse(flatbuffer).tree, []
    for tensor in tree.subgraphs[0].tensors:
        data = tree.buffers[tensor.buffer].data
        name = None if data is None or not len(data) else names.get(np.asarray(data, np.uint8).tobytes())
        if name is not None:
            tensor.name = name.encode()
            found.append(name.removesuffix(TRANSPOSED))
    missing = sorted({f"{PREFIX}{name}" for name in marks} ^ set(found)) or sorted(found)[len(marks) :]
    if missing:
        raise ModelFileError(f"the converter did not keep the constants {', '.join(missing)}. Please report this.")
    return serialize(tree)
