"""Other detectors and runtimes on the same windows, on the same machine, in the same run."""
