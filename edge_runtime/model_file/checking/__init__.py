"""Checks of a model file before anything runs: the graph byte by byte, the manifest's values for plausibility."""
