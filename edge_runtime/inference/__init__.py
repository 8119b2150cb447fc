"""Windows in, scores out, without a memory: the detector, its runtimes, its heads."""
