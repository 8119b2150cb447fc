"""Scoring heads: one number per window from what the network saw, made and left over.

Every head is one formula, ``score = sum(((z - mean) @ whitening) ** 2)``; they differ in what ``z`` is:

=========== ====================== ======================================================
head        z                      known as
=========== ====================== ======================================================
``t2``      codes                  Hotelling T² (encoder only)
``t2x``     inputs, codes          joint Mahalanobis distance (encoder only)
``deep``    inputs, hidden, codes  the same over all layers of the encoder (encoder only)
``spe``     residual               squared prediction error, per input
``residual`` residual              Mahalanobis distance of the residual
``joint``   residual, codes        joint Mahalanobis distance
=========== ====================== ======================================================

The whitening is symmetric in correlation space (ZCA-cor), so the squared components belong to one
variable of ``z`` each, are never negative, and sum to the score: they are the contributions
(Garthwaite and Koch, 2016, Evaluating the contributions of individual variables to a quadratic form).

References
----------
Hotelling (1947), Multivariate quality control.
Jackson and Mudholkar (1979), Control procedures for residuals associated with principal component analysis.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from edge_runtime.preprocessing import FloatArray

PARTS: Mapping[str, tuple[str, ...]] = {
    "t2": ("codes",),
    "t2x": ("inputs", "codes"),
    "deep": ("inputs", "hidden", "codes"),
    "spe": ("residual",),
    "residual": ("residual",),
    "joint": ("residual", "codes"),
}


def needs_decoder(kind: str) -> bool:
    """Return whether the head needs the reconstruction, and so the decoder on the device."""
    return "residual" in PARTS[kind]


def hidden_outputs(names: Iterable[str]) -> list[str]:
    """Return the hidden layers' outputs among a network graph's, the first layer's first.

    >>> hidden_outputs(["codes", "hidden_10", "hidden_2"])
    ['hidden_2', 'hidden_10']
    """
    return sorted((name for name in names if name.startswith("hidden_")), key=lambda name: (len(name), name))


@dataclass(frozen=True)
class Head:
    """A fitted scoring head.

    Parameters
    ----------
    kind : str
        A key of `PARTS`.
    mean : ndarray of shape (d,), float32
        Mean of ``z`` on normal windows.
    whitening : ndarray of shape (d, d) or (d,), float32
        A vector stands for a diagonal matrix.
    """

    kind: str
    mean: FloatArray
    whitening: FloatArray

    @property
    def parts(self) -> tuple[str, ...]:
        """What ``z`` is made of, in order."""
        return PARTS[self.kind]

    def components(self, parts: Mapping[str, FloatArray]) -> FloatArray:
        """Return the squared whitened components, shape (n, d), which sum to the scores.

        Parameters
        ----------
        parts : mapping
            The arrays named in `PARTS`, each of shape (n, width), float32.
        """
        z = np.concatenate([parts[name] for name in self.parts], axis=1) - self.mean
        whitened = z * self.whitening if self.whitening.ndim == 1 else z @ self.whitening
        squares: FloatArray = np.asarray(whitened * whitened, np.float32)
        return squares

    def score(self, parts: Mapping[str, FloatArray]) -> FloatArray:
        """Return one score per window, shape (n,); higher is more anomalous."""
        scores: FloatArray = self.components(parts).sum(axis=1, dtype=np.float32)
        return scores
