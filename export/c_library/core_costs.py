"""placeholder"""

CORES = {}
