"""One thread for tensorflow's products, unless the process has said otherwise.

A step of a small network takes longer to share out among threads than to do: with two threads a fit of 5,000 rows of 8
sensors takes 1.6 times the CPU time of one, and no less wall time. Several fits at a time belong in several processes.
"""

from __future__ import annotations

import os
from contextlib import suppress

import tensorflow as tf

_VARIABLE = "TF_NUM_INTRAOP_THREADS"


def prefer_one_thread() -> None:
    """Set one thread if tensorflow has not started yet and neither its variable nor its configuration is set.

    Once tensorflow has computed anything, its threads are there for good: whoever uses it before training sets
    ``TF_NUM_INTRAOP_THREADS=1`` in the environment.
    """
    is_open = not os.environ.get(_VARIABLE) and not tf.config.threading.get_intra_op_parallelism_threads()
    # Raised if tensorflow has started: the fit is the same, only slower.
    with suppress(RuntimeError):
        if is_open:
            tf.config.threading.set_intra_op_parallelism_threads(1)
