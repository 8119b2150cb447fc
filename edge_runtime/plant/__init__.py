"""Several machines in one process: the plant's file, and the plant that runs what it says."""
