"""The reference kernels of the runtimes that the numpy executor stands in for, each in a process of its own."""

import pickle
import subprocess
import sys

import interpreter_worker

from edge_runtime.inference.numpy_executor import Interpreter
from edge_runtime.inference.numpy_executor.fixed_point import Rounding
from edge_runtime.inference.runtimes import RUNTIMES

MICRO = "tflite-micro"
MODULES = {**RUNTIMES, MICRO: "tflite_micro.python.tflite_micro.runtime"}
ROUNDING = {"ai-edge-litert": Rounding.ONCE, "tflite-runtime": Rounding.TWICE, MICRO: Rounding.MICRO}


class Reference:
    """One runtime's reference kernels.

    `python` is the Python of the environment that it is installed in.
    """

    def __init__(self, name, python=sys.executable):
        command = [python, interpreter_worker.__file__, MODULES[name]]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.name, self.rounding = name, ROUNDING[name]

    def run(self, flatbuffer, values, resolver="BUILTIN_REF"):
        """Return the first output."""
        pickle.dump((flatbuffer, values, resolver), self._process.stdin)
        self._process.stdin.flush()
        answer = pickle.load(self._process.stdout)  # noqa: S301 - written by our own worker
        if isinstance(answer, str):
            raise ValueError(answer)  # noqa: TRY004 - the runtime's own words
        return answer

    def close(self):
        """End the process."""
        self._process.communicate()


def ours(flatbuffer, values, rounding=Rounding.ONCE):
    """Return the first output of the numpy executor."""
    interpreter = Interpreter(flatbuffer, dense_rounding=rounding)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def ours_by_name(flatbuffer, values):
    """Return every output of the numpy executor by name, for a batch."""
    interpreter = Interpreter(flatbuffer)
    entry = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(entry, values.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(entry, values)
    interpreter.invoke()
    return {details["name"]: interpreter.get_tensor(details["index"]) for details in interpreter.get_output_details()}
