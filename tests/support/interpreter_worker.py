"""Runs graphs in a runtime of its own process: tflite-runtime cannot be loaded beside tensorflow.

Reads pickles (flatbuffer, input, resolver) from standard input and writes the output tensor back; both ends
are this test suite.
"""

import importlib
import pickle
import sys


def run(module, flatbuffer, values, resolver):
    """Return the first output."""
    kind = getattr(module.OpResolverType, resolver)
    interpreter = module.Interpreter(model_content=flatbuffer, experimental_op_resolver_type=kind)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


if __name__ == "__main__":
    interpreter_module = importlib.import_module(sys.argv[1])
    while True:
        try:
            request = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by our own tests
        except EOFError:
            break
        pickle.dump(run(interpreter_module, *request), sys.stdout.buffer)
        sys.stdout.buffer.flush()
