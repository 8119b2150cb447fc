"""TFLite graphs in plain numpy, for boards that have no wheel of a TFLite runtime.

It reads the flatbuffer itself and runs the ops that saelite exports, many windows at once. On int8 tensors it
matches TFLite's reference kernels byte for byte; float ops differ only in the last digits.
"""

from edge_runtime.inference.numpy_executor.executor import Interpreter

__all__ = ["Interpreter"]
