"""Array types that the rooms share."""

from __future__ import annotations

from typing import Any, TypeAlias

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
