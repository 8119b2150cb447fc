"""Runs graphs in a runtime of its own process: tflite-runtime cannot be loaded beside tensorflow.

Reads pickles (flatbuffer, input, resolver) from standard input and writes the output tensor back; both ends
are this test suite. A runtime that refuses the graph gives its words instead.
"""

import importlib
import pickle
import sys

# Far more than any graph here needs: a smaller arena can end the process.
_ARENA_BYTES = 1 << 24


def run(module, flatbuffer, values, resolver):
    """Return the first output."""
    kind = getattr(module.OpResolverType, resolver)
    interpreter = module.Interpreter(model_content=flatbuffer, experimental_op_resolver_type=kind)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def run_micro(module, flatbuffer, values, _):
    """Return the first output in TensorFlow Lite Micro, which has reference kernels only."""
    interpreter = module.Interpreter.from_bytes(flatbuffer, arena_size=_ARENA_BYTES)
    interpreter.set_input(values, 0)
    interpreter.invoke()
    return interpreter.get_output(0)


if __name__ == "__main__":
    interpreter_module = importlib.import_module(sys.argv[1])
    run_in = run if hasattr(interpreter_module, "OpResolverType") else run_micro
    while True:
        try:
            request = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by our own tests
        except EOFError:
            break
        try:
            answer = run_in(interpreter_module, *request)
        except (RuntimeError, ValueError) as error:
            answer = str(error)
        pickle.dump(answer, sys.stdout.buffer)
        sys.stdout.buffer.flush()
