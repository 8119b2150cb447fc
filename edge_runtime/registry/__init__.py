"""Models from a registry: a folder or bucket with models named by their SHA-256, and a signed index of them."""
