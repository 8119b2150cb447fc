"""One interpreter at one batch size, and a set of them for any number of rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import ModelFileError, SaeliteError

Array = npt.NDArray[Any]
OpenInterpreter = Callable[[], Any]

_FEW = 4
_SMALL_BATCH = 32
_LARGE_BATCH = 1024
_LARGE_BATCH_BYTES = 1 << 19
_MOST_BATCH_BYTES = 1 << 28


class FixedBatch:
    """An interpreter at one batch size, its outputs by name.

    Parameters
    ----------
    open_interpreter : callable
        Returns a fresh interpreter, its tensors allocated.
    batch : int
        Rows it takes at once.
    """

    def __init__(self, open_interpreter: OpenInterpreter, batch: int = 1) -> None:
        self._interpreter = interpreter = open_interpreter()
        details = interpreter.get_input_details()[0]
        self.batch, self._input, self._input_dtype = batch, details["index"], details["dtype"]
        self.input_shape = (batch, *(int(size) for size in details["shape"][1:]))
        if batch > 1:
            interpreter.resize_tensor_input(self._input, self.input_shape)
            interpreter.allocate_tensors()
        outputs = interpreter.get_output_details()
        self.outputs = {output["name"]: output["index"] for output in outputs}
        self.shapes = {output["name"]: tuple(int(size) for size in output["shape"]) for output in outputs}
        self.dtypes = {output["name"]: np.dtype(output["dtype"]) for output in outputs}
        self._set, self._invoke, self._get = _innermost_calls(interpreter)

    def first_run(self) -> None:
        """Run it once, on zeros: only then do some runtimes find that a graph cannot run, or how large an output is.

        Raises
        ------
        ModelFileError
            If it cannot run, or an output has an unexpected shape.
        """
        self.invoke(np.zeros(self.input_shape, self._input_dtype))
        found = {name: self.get(name).shape for name in self.outputs}
        if found != self.shapes:
            raise ModelFileError(f"the graph said that it gives {self.shapes!r:.200}. Received: {found!r:.200}.")

    @property
    def bytes_a_window(self) -> int:
        """Memory per window of a batch: that of the tensors with a batch dimension."""
        details: list[dict[str, Any]] = self._interpreter.get_tensor_details()
        sides = [([int(size) for size in one["shape"]], np.dtype(one["dtype"]).itemsize) for one in details]
        return sum(math.prod(shape) * size for shape, size in sides if len(shape) > 1 and shape[0] == 1)

    def invoke(self, values: Array) -> None:
        """Run the graph on `values`, shape (batch, …)."""
        self._set(self._input, values)
        self._invoke()

    def get(self, output: str) -> Array:
        """Return a copy of an output of the last `invoke`."""
        values: Array = self._get(self.outputs[output], 0)
        return values

    def scalar(self, output: str) -> Callable[[Array], float]:
        """Return a function from `values` to an output of one number, with all look-ups done beforehand."""
        entry, result = self._input, self.outputs[output]
        if np.prod(self.shapes[output]) != 1:
            raise ModelFileError(f"the output {output} has the shape {self.shapes[output]}. Expected one number.")
        set_tensor, invoke = self._set, self._invoke
        read = _reader(self._interpreter, result)

        def call(values: Array) -> float:
            set_tensor(entry, values)
            invoke()
            number: float = read()
            return number

        return call

    def abandon(self) -> None:
        """Keep the interpreter's destructor from running: in a forked process it would wait for lost threads."""
        import ctypes

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._interpreter))


class BatchedGraph:
    """A graph for any number of rows: large batches, small batches, and single rows for the rest.

    Parameters
    ----------
    open_interpreter : callable
        Returns a fresh interpreter.
    may_resize : bool
        False if the batch size is fixed, as in compiled graphs of accelerators.
    """

    def __init__(self, open_interpreter: OpenInterpreter, *, may_resize: bool = True) -> None:
        self._open = open_interpreter
        self.single = _opened(open_interpreter)
        self._graphs = {1: self.single}
        row_bytes = 4 * int(np.prod(self.single.input_shape))
        largest = max(_SMALL_BATCH, min(_LARGE_BATCH, _power_of_two(_LARGE_BATCH_BYTES // row_bytes)))
        self._sizes: tuple[int, ...] = tuple(sorted({largest, _SMALL_BATCH}, reverse=True)) if may_resize else ()

    def check_rows(self, names: Iterable[str]) -> None:
        """Check that outputs have one row for each window.

        Raises
        ------
        ModelFileError
            If one has not.
        """
        for name in names:
            shape = self.single.shapes[name]
            if shape[:1] != (1,):
                raise ModelFileError(f"the output {name} has the shape {shape}. Expected one row for one window.")

    def run(self, values: Array, names: tuple[str, ...]) -> dict[str, Array]:
        """Return outputs by name, each of shape (n, …), for `values` of shape (n, …)."""
        n, single = len(values), self.single
        results = {name: np.empty((n, *single.shapes[name][1:]), single.dtypes[name]) for name in names}
        start = 0
        while start < n:
            graph = self._fitting(n - start)
            # Overlapping windows are views of their rows: copied batch by batch they stay in the cache.
            rows = np.ascontiguousarray(values[start : start + graph.batch])
            count = len(rows)
            graph.invoke(rows if count == graph.batch else _filled_up(rows, graph.batch))
            for name, result in results.items():
                result[start : start + count] = graph.get(name)[:count]
            start += count
        return results

    def abandon(self) -> None:
        """See `FixedBatch.abandon`."""
        for graph in self._graphs.values():
            graph.abandon()

    def _fitting(self, rows: int) -> FixedBatch:
        """Return the largest graph that `rows` fill; the small one may be partly filled."""
        for size in self._sizes:
            if rows >= size or (size == _SMALL_BATCH and rows > _FEW):
                return self._of_size(size)
        return self.single

    def _of_size(self, size: int) -> FixedBatch:
        if size not in self._graphs:
            try:
                if size * self.single.bytes_a_window > _MOST_BATCH_BYTES:
                    # This many windows at once would need gigabytes between the layers.
                    self._sizes = tuple(other for other in self._sizes if other < size)
                    return self.single
                self._graphs[size] = self._checked(FixedBatch(self._open, size))
            except Exception:  # noqa: BLE001 - of several kinds, by runtime
                # The batch size is fixed in the graph, by a reshape to constants, or windows are mixed with each other.
                self._sizes = ()
                return self.single
        return self._graphs[size]

    def _checked(self, graph: FixedBatch) -> FixedBatch:
        graph.first_run()
        if graph.shapes != {name: (graph.batch, *shape[1:]) for name, shape in self.single.shapes.items()}:
            raise ValueError("an output did not follow the input's batch size.")
        return graph


def _opened(open_interpreter: OpenInterpreter) -> FixedBatch:
    """Return the graph at batch 1 after its first run; any exception of a runtime becomes a ModelFileError."""
    try:
        graph = FixedBatch(open_interpreter)
        graph.first_run()
    except SaeliteError:
        raise
    except Exception as error:
        raise ModelFileError(f"the graph cannot be run: {type(error).__name__}: {error!s:.200}") from error
    return graph


def _innermost_calls(interpreter: Any) -> tuple[Callable[..., Any], ...]:
    """Return set, invoke and get of the C++ object inside a TFLite interpreter, or the interpreter's own.

    The Python methods around them cost a third of a small graph's time. They check that no
    view of the interpreter's memory exists while it may move; here it moves only before the first view.
    """
    if inside := _inside(interpreter):
        return inside.SetTensor, inside.Invoke, inside.GetTensor
    return interpreter.set_tensor, interpreter.invoke, lambda index, _: interpreter.get_tensor(index)


def _reader(interpreter: Any, index: int) -> Callable[[], float]:
    """Return a function that reads a one-number output from the interpreter's memory, in a sixth of a copy's time."""
    try:
        if _inside(interpreter):
            item: Callable[[], float] = interpreter.tensor(index)().item
            return item
    except ValueError:
        pass  # No memory yet: the graph determines shapes as it runs, and may place the tensor anywhere.
    return lambda: float(interpreter.get_tensor(index).item())


def _inside(interpreter: Any) -> Any:
    """Return the C++ object inside a TFLite interpreter; None if there is none, or an unknown one."""
    inside = getattr(interpreter, "_interpreter", None)
    return inside if all(hasattr(inside, name) for name in ("SetTensor", "Invoke", "GetTensor")) else None


def _filled_up(rows: Array, batch: int) -> Array:
    return np.concatenate([rows, np.repeat(rows[-1:], batch - len(rows), axis=0)])


def _power_of_two(limit: int) -> int:
    return 1 << max(0, limit.bit_length() - 1)
