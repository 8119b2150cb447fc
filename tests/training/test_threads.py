"""How many threads tensorflow has after a training, in a process of its own: it can be said only once."""

import os
import subprocess
import sys

import pytest

_TRAIN = """
from machines import train_pump
train_pump(epochs=1)
import tensorflow as tf
print(tf.config.threading.get_intra_op_parallelism_threads())
"""
_SAID = "import tensorflow as tf\ntf.config.threading.set_intra_op_parallelism_threads(3)\n"
_STARTED = "import tensorflow as tf\ntf.constant(1.0) + 1.0\n"


@pytest.mark.parametrize(
    ("before", "variable", "threads"),
    [("", None, 1), (_SAID, None, 3), (_STARTED, None, 0), ("", "2", 0)],
    ids=["library user", "set in tensorflow", "tensorflow runs already", "set in the environment"],
)
def test_a_training_takes_one_thread_unless_the_process_has_said_otherwise(before, variable, threads):
    environment = {name: value for name, value in os.environ.items() if name != "TF_NUM_INTRAOP_THREADS"}
    environment |= {"PYTHONPATH": os.pathsep.join(sys.path)}
    environment |= {} if variable is None else {"TF_NUM_INTRAOP_THREADS": variable}
    process = subprocess.run(
        [sys.executable, "-c", before + _TRAIN], capture_output=True, text=True, env=environment, check=True
    )
    assert process.stdout.split()[-1] == str(threads)
