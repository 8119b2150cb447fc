"""Our trainer beside Keras' own `fit`: the same network, batches, learning rates and early stopping."""
