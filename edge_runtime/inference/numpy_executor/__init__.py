"""TFLite graphs in plain numpy, for boards that have no wheel of a TFLite runtime.

It reads the flatbuffer itself and runs the ops that saelite exports, many windows at once. On int8 and
int16 tensors it gives the very bytes of TFLite's reference kernels; float ops differ from them in the last digits only.
"""

from edge_runtime.inference.numpy_executor.executor import Interpreter

__all__ = ["Interpreter"]
