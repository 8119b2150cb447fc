"""From a recording to a run folder: the sparse autoencoder, its heads, its training. Needs tensorflow."""

from training.autoencoder import SparseAutoencoder
from training.sparsity import SparseLayer, sparse_loss

__all__ = ["SparseAutoencoder", "SparseLayer", "sparse_loss"]
