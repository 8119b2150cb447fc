"""Array types that the rooms share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]
"""Readings, windows, codes, scores: of any width."""
BoolArray: TypeAlias = npt.NDArray[np.bool_]
IntArray: TypeAlias = npt.NDArray[np.int64]
Times: TypeAlias = npt.NDArray[np.float64]
"""Seconds since the epoch; NaN where unknown."""
NumberArray: TypeAlias = npt.NDArray[Any]
"""What a model file stores, floats or integers; read from one, it is float32."""

_Kind = TypeVar("_Kind", bound=np.generic)


def joined(parts: Sequence[npt.NDArray[_Kind]]) -> npt.NDArray[_Kind]:
    """Return arrays one after the other; a single one as it is, without a copy."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
