"""The integer kernels of the numpy executor against the runtimes' reference kernels, over millions of values.

``kernel_sweep.py VALUES SEED [RUNTIME=PYTHON ...]``: values of each kernel, the first seed, and runtimes of other
environments, such as ``tflite-micro=micro/bin/python``. Runtimes of this environment are always swept.
"""

import sys
from collections import Counter

import numpy as np
from random_kernels import KERNELS
from reference_kernels import Reference, ours

from edge_runtime.errors import ModelFileError
from edge_runtime.inference.runtimes import installed_runtimes


def sweep(reference, kernel, values, seed):
    """Return how many values of a kernel were compared, differed, and by how many steps at most; and refusals."""
    make, dtype = KERNELS[kernel]
    rng, found, largest = np.random.default_rng(seed), Counter(), 0
    while found["compared"] + found["refused"] < values:
        flatbuffer, entry = make(rng, dtype)
        try:
            expected = reference.run(flatbuffer, entry)
        except ValueError as error:
            found["refused"] += entry.size
            found[f"refused: {error}"] += 1
            continue
        apart = np.abs(ours(flatbuffer, entry, reference.rounding).astype(np.float64) - expected)
        found["compared"] += expected.size
        found["differ"] += int((apart > 0).sum())
        largest = max(largest, float(apart.max()))
    return found, largest


def main(values, seed, *others):
    """Print a line for each runtime and kernel; return the number of values that differ."""
    runtimes = [(runtime.name, sys.executable) for runtime in installed_runtimes()]
    runtimes += [tuple(other.split("=", 1)) for other in others]
    total = 0
    for name, python in runtimes:
        reference = Reference(name, python)
        compared = 0
        for kernel in KERNELS:
            try:
                found, largest = sweep(reference, kernel, int(values), int(seed))
            except ModelFileError as error:
                print(name, kernel, error)
                continue
            compared, total = compared + found["compared"], total + found["differ"]
            print(f"{name:15} {kernel:28} {found['compared']:9} compared {found['differ']:6} differ, by at most "
                  f"{largest:g}", {key: count for key, count in found.items() if "refused" in key} or "")  # fmt: skip
        print(f"{name:15} {compared} compared")
        reference.close()
    return total


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) > 0)
