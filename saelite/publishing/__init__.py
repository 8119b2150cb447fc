"""Writing a registry of models, from which devices take theirs; see `edge_runtime.registry`."""
