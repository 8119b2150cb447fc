"""Scoring heads: one number per window from the network's inputs, outputs and residual.

Every head is one formula, the squared distance from the nearest of K centres in a whitened space::

    score = min_k sum(((z - mean) @ whitening_k - center_k) ** 2)

Heads differ in what ``z`` is and in K. The score is normalised: the threshold of the smoothed score is 1.0.

============ =============================== ==========================================================
head         z                               known as
============ =============================== ==========================================================
``inputs``   inputs                          Mahalanobis distance, Hotelling T² of the inputs
``modes``    inputs, one centre per mode     the smallest T² of K modes of operation
``codebook`` inputs, hidden, codes           distance from the nearest of up to 64 prototypes
``deep``     inputs, hidden, codes           joint T² of all layers of the encoder
``t2``       codes                           T² of the codes
``t2x``      inputs, codes                   joint T²
``spe``      residual                        squared prediction error, per input
``residual`` residual                        T² of the residual
``joint``    residual, codes                 joint T²
============ =============================== ==========================================================

References
----------
Hotelling (1947), Multivariate quality control.
Jackson and Mudholkar (1979), Control procedures for residuals associated with principal component analysis.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from edge_runtime.arrays import FloatArray, NumberArray
from edge_runtime.errors import ModelFileError

PARTS: Mapping[str, tuple[str, ...]] = {
    "inputs": ("inputs",),
    "modes": ("inputs",),
    "codebook": ("inputs", "hidden", "codes"),
    "deep": ("inputs", "hidden", "codes"),
    "t2": ("codes",),
    "t2x": ("inputs", "codes"),
    "spe": ("residual",),
    "residual": ("residual",),
    "joint": ("residual", "codes"),
}
_ARRAYS = ("mean", "whitening", "centers")
PREFIX = "head_"


def needs_decoder(kind: str) -> bool:
    """Return whether the head needs the reconstruction, and so the decoder on the device."""
    return "residual" in PARTS[kind]


def needs_network(kind: str) -> bool:
    """Return whether the score depends on the network's outputs."""
    return PARTS[kind] != ("inputs",)


def hidden_outputs(names: Iterable[str]) -> list[str]:
    """Return the hidden layers' outputs among a network graph's, the first layer's first.

    >>> hidden_outputs(["codes", "hidden_10", "hidden_2"])
    ['hidden_2', 'hidden_10']
    """
    return sorted((name for name in names if name.startswith("hidden_")), key=lambda name: (len(name), name))


class ScoringHead(ABC):
    """A fitted scoring head, however it is stored: `Head`, or `edge_runtime.inference.packed_head.PackedHead`."""

    kind: str

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of ``z``, in order."""
        return PARTS[self.kind]

    @property
    @abstractmethod
    def width(self) -> int:
        """Number of values of ``z``."""

    @property
    @abstractmethod
    def modes(self) -> int:
        """Number of modes of operation; 1 for every head but ``modes``."""

    @abstractmethod
    def row_distances(self, rows: FloatArray) -> FloatArray:
        """Return the squared distance of rows ``z``, shape (n, d), from each centre, shape (n, K)."""

    @abstractmethod
    def scaled(self, factor: float) -> ScoringHead:
        """Return a head whose scores are `factor` times this one's."""

    @abstractmethod
    def arrays(self) -> dict[str, NumberArray]:
        """Return the arrays that store the head in a file."""

    @abstractmethod
    def unpacked(self) -> Head:
        """Return the head in full precision; its scores are the same up to rounding."""

    def rows(self, parts: Mapping[str, FloatArray]) -> FloatArray:
        """Return ``z``, shape (n, d), of the arrays named in `PARTS`, each of shape (n, width)."""
        return np.concatenate([parts[name] for name in self.parts], axis=1)

    def distances(self, parts: Mapping[str, FloatArray]) -> FloatArray:
        """Return the squared distance from each centre, shape (n, K)."""
        return self.row_distances(self.rows(parts))

    def score(self, parts: Mapping[str, FloatArray]) -> FloatArray:
        """Return one score per window, shape (n,); higher is more anomalous."""
        return self.score_rows(self.rows(parts))

    def score_rows(self, rows: FloatArray) -> FloatArray:
        """Return one score per row ``z``, shape (n,)."""
        return np.asarray(self.row_distances(rows).min(axis=1))


@dataclass(frozen=True)
class Head(ScoringHead):
    """A scoring head in full precision; its scores are of the type of its rows.

    Parameters
    ----------
    kind : str
        A key of `PARTS`.
    mean : ndarray of shape (d,), float32
        Mean of ``z`` on normal windows.
    whitening : ndarray of shape (d, m), (d,) or (K, d, m), float32
        A vector stands for a diagonal matrix; three dimensions hold one matrix per centre.
    centers : ndarray of shape (K, m), float32, optional
        In the whitened space; by default one, at 0.
    """

    kind: str
    mean: FloatArray
    whitening: FloatArray
    centers: FloatArray | None = None

    @property
    def width(self) -> int:
        """See `ScoringHead.width`."""
        return len(self.mean)

    @property
    def modes(self) -> int:
        """See `ScoringHead.modes`."""
        return len(self.whitening) if self.kind == "modes" else 1

    def row_distances(self, rows: FloatArray) -> FloatArray:
        """See `ScoringHead.row_distances`."""
        z = rows - self.mean
        whitened = z * self.whitening if self.whitening.ndim == 1 else z @ self.whitening
        if self.centers is None:
            return np.asarray(np.square(whitened).sum(axis=-1, keepdims=True))
        if self.whitening.ndim == 3:
            return np.asarray(np.square(whitened - self.centers[:, None]).sum(axis=-1).T)
        # |y - c|² written out: one product instead of n * K differences.
        squares = np.square(whitened).sum(axis=1, keepdims=True) - 2 * whitened @ self.centers.T
        return np.asarray(np.maximum(squares + np.square(self.centers).sum(axis=1), 0.0))

    def scaled(self, factor: float) -> Head:
        """See `ScoringHead.scaled`."""
        root = np.float32(np.sqrt(factor))
        centers = None if self.centers is None else self.centers * root
        return Head(self.kind, self.mean, self.whitening * root, centers)

    def arrays(self) -> dict[str, NumberArray]:
        """See `ScoringHead.arrays`."""
        return {f"{PREFIX}{name}": value for name in _ARRAYS if (value := getattr(self, name)) is not None}

    def unpacked(self) -> Head:
        """See `ScoringHead.unpacked`."""
        return self

    @classmethod
    def from_arrays(cls, kind: str, arrays: Mapping[str, NumberArray]) -> Head:
        """Return the head stored in `arrays`.

        Raises
        ------
        ModelFileError
            If one is missing.
        """
        missing = [name for name in _ARRAYS[:2] if f"{PREFIX}{name}" not in arrays]
        if missing:
            raise ModelFileError(f"the file lacks the head's {' and '.join(missing)}. Export it again.")
        return cls(kind, *(arrays.get(f"{PREFIX}{name}") for name in _ARRAYS))  # type: ignore[arg-type]
