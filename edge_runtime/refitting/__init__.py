"""Learning on the device: scaling, head and threshold of a model file, fitted anew on this machine's normal data."""
