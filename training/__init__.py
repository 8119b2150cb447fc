"""From a recording to a run folder: the sparse autoencoder and its training. Needs tensorflow.

`training.run_folder`, which export reads, loads without it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.autoencoder import SparseAutoencoder
    from training.sparsity import SparseLayer, sparse_loss

__all__ = ["SparseAutoencoder", "SparseLayer", "sparse_loss"]
_HOMES = {
    "SparseAutoencoder": "training.autoencoder",
    "SparseLayer": "training.sparsity",
    "sparse_loss": "training.sparsity",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
