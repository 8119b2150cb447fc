"""NPY arrays of numbers, read by a parser of our own: numpy's evaluates the header as Python.

References
----------
numpy.lib.format, NPY format version 1.0.
"""

from __future__ import annotations

import math
import re

import numpy as np

from edge_runtime.arrays import FloatArray

_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(
    rb"\{'descr': '([<|][fiu][1248])', 'fortran_order': False, 'shape': \(((?:\d{1,12}, ?)*(?:\d{1,12})?)\), \} *\n"
)
_MOST_DIMENSIONS = 8


def read_npy(content: bytes) -> FloatArray:
    """Return an array as `numpy.save` writes it, as float32.

    Raises
    ------
    ValueError
        If it has another form, or more or fewer values than its header says.

    Examples
    --------
    >>> import io
    >>> buffer = io.BytesIO()
    >>> np.save(buffer, np.float32([[1.0, 2.0]]))
    >>> read_npy(buffer.getvalue())
    array([[1., 2.]], dtype=float32)
    """
    if content[:8] != _MAGIC or len(content) < 10:
        raise ValueError("not an NPY file of version 1.0")
    start = 10 + int.from_bytes(content[8:10], "little")
    header = _HEADER.fullmatch(content[10:start])
    if header is None:
        raise ValueError("its header does not describe a numeric array")
    dtype = np.dtype(header[1].decode())
    shape = tuple(int(size) for size in header[2].split(b",") if size.strip())
    if len(shape) > _MOST_DIMENSIONS or math.prod(shape) * dtype.itemsize != len(content) - start:
        raise ValueError(f"shape {shape!r:.80} does not fit its {len(content) - start} bytes")
    return np.frombuffer(content, dtype, offset=start).reshape(shape).astype(np.float32)
