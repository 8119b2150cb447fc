"""TensorFlow Lite Micro in a process of its own, which an arena that is too small may end.

python micro_worker.py GRAPH INPUTS.npy OUTPUTS.npy: writes the first output for each row of inputs.
"""

import sys
from pathlib import Path

import numpy as np

_ARENA_BYTES = 64 * 1024


def main():
    """Run the graph on each row."""
    from tflite_micro import runtime

    graph, inputs, outputs = map(Path, sys.argv[1:])
    interpreter, rows = runtime.Interpreter.from_file(str(graph), arena_size=_ARENA_BYTES), []
    for row in np.load(inputs):
        interpreter.set_input(row[None], 0)
        interpreter.invoke()
        rows.append(interpreter.get_output(0)[0])
    np.save(outputs, rows)


if __name__ == "__main__":
    main()
