"""Windows in, scores out, no memory: the detector, its runtimes, its heads."""
