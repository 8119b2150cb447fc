"""Readings on their way to the network, and scores on their way from it: windows, features, smoothing, time."""
