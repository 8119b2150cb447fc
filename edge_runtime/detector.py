"""The detector: one model file, one interpreter, a score for every window."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import InputShapeError, UsageError
from edge_runtime.interpreter import Runtime, find_runtime
from edge_runtime.manifest import Manifest
from edge_runtime.model_file import ModelFile, read_model_file
from edge_runtime.preprocessing import FloatArray, WindowBuffer, as_windows
from edge_runtime.smoothing import Smoother

_BATCH = 256
Values = Mapping[str, Any] | Sequence[float] | npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Result:
    """What the detector says of one window.

    Parameters
    ----------
    score : float
        Smoothed score; higher is more anomalous.
    threshold : float
        Its limit.
    is_anomaly : bool
        ``score > threshold``.
    """

    score: float
    threshold: float
    is_anomaly: bool


class Detector:
    """Scores windows of readings with a model file.

    Use `load` to make one. A detector may be used from several threads; they take turns.

    Examples
    --------
    ::

        detector = Detector.load("pump.tflite")
        for reading in readings:
            result = detector.update(reading)
            if result is not None and result.is_anomaly:
                print(result.score, detector.explain())
    """

    def __init__(self, model: ModelFile, runtime: Runtime, num_threads: int = 1) -> None:
        self.manifest: Manifest = model.manifest
        self.runtime = runtime
        self._flatbuffer, self._num_threads = model.flatbuffer, num_threads
        spec = model.manifest.spec
        self.sensor_names = spec.sensor_names
        self._window, self._sensors = spec.preprocessing.window, len(spec.sensors)
        self._buffer = WindowBuffer(self._window, spec.preprocessing.stride, self._sensors)
        self._smoother = Smoother(spec.scoring.smoothing_span)
        self._threshold = model.manifest.threshold.value
        self._lock = threading.RLock()
        self._single = _Graph(runtime.open(model.flatbuffer, num_threads), 1)
        self._single.check(self._window, self._sensors)
        self._batched: _Graph | None = None
        self._last_window: FloatArray | None = None

    @classmethod
    def load(cls, path: str | Path, *, num_threads: int = 1, runtime: str = "auto") -> Detector:
        """Open a model file.

        Parameters
        ----------
        path : str or Path
        num_threads : int
            Threads of the interpreter; one is fastest for small networks.
        runtime : str
            ``auto``, ``ai-edge-litert`` or ``tflite-runtime``; ``auto`` follows SAELITE_RUNTIME.

        Raises
        ------
        ModelFileError
            If the file is missing, damaged, changed, not ours, or refused by the runtime.
        RuntimeUnavailableError
            If no such runtime is installed.
        """
        if num_threads < 1:
            raise UsageError(f"num_threads must be at least 1. Received: {num_threads}")
        return cls(read_model_file(path), find_runtime(runtime), num_threads)

    @property
    def threshold(self) -> float:
        """Limit of the smoothed score."""
        return self._threshold

    def score(self, window: npt.ArrayLike) -> float:
        """Return the raw score of one window.

        Parameters
        ----------
        window : array-like of shape (window, sensors), or (sensors,) where the window is one reading
            Raw sensor values in the manifest's order.
        """
        with self._lock:
            return float(self._single.run(self._one_window(window), "score")[0])

    def encode(self, windows: npt.ArrayLike) -> FloatArray:
        """Return the codes, shape (n, units), of windows of shape (n, window, sensors)."""
        return self._run_many(windows, "codes")

    def score_many(self, windows: npt.ArrayLike) -> FloatArray:
        """Return the raw scores, shape (n,), of windows of shape (n, window, sensors).

        Raises
        ------
        InputShapeError
            If window or sensors differ from the manifest's.
        """
        return self._run_many(windows, "score")

    def smooth(self, scores: FloatArray) -> FloatArray:
        """Return the smoothed scores of successive windows, from a fresh start."""
        return Smoother(self.manifest.spec.scoring.smoothing_span).update_many(scores)

    def explain(self, window: npt.ArrayLike | None = None) -> dict[str, float]:
        """Return each sensor's contribution to the raw score of a window, by default the last one of `update`.

        See `explain_many`.
        """
        if window is None and self._last_window is None:
            raise UsageError("nothing to explain yet: no window was scored by update(). Pass a window.")
        windows = self._last_window[None] if window is None else self._one_window(window)  # type: ignore[index]
        return dict(zip(self.sensor_names, self.explain_many(windows)[0].tolist(), strict=True))

    def explain_many(self, windows: npt.ArrayLike) -> FloatArray:
        """Return each sensor's contribution to the raw scores, shape (n, sensors).

        Where the graph has them they are the head's own contributions, and for residual heads they sum to
        the score. For a head on codes alone a sensor's contribution is how far the score falls when that
        sensor is set to its centre.
        """
        array = as_windows(windows, self._window, self._sensors)
        if self._single.has("contributions"):
            return self._run_many(array, "contributions")
        scores = self._run_many(array, "score")
        contributions = np.empty((len(array), self._sensors), np.float32)
        for sensor, center in enumerate(self.manifest.spec.preprocessing.center):
            without = array.copy()
            without[:, :, sensor] = center
            contributions[:, sensor] = scores - self._run_many(without, "score")
        return contributions

    def update(self, reading: Values) -> Result | None:
        """Add one reading of a stream; return the result of the window it completes, else None.

        Parameters
        ----------
        reading : sequence of float in the manifest's order, or mapping by sensor name
        """
        with self._lock:
            try:
                row = np.asarray(self._row(reading), np.float32)
            except (TypeError, ValueError) as error:
                raise self._not_a_reading(reading) from error
            if row.shape != (self._sensors,) or not np.isfinite(row).all():
                raise self._not_a_reading(reading)
            window = self._buffer.push(row)
            if window is None:
                return None
            self._last_window = window
            score = self._smoother.update(float(self._single.run(window[None], "score")[0]))
        return Result(score, self._threshold, score > self._threshold)

    def reset(self) -> None:
        """Forget the stream: the window's readings and the smoothed score."""
        with self._lock:
            self._buffer.clear()
            self._smoother.reset()
            self._last_window = None

    def __enter__(self) -> Detector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.reset()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Detector cannot be pickled: send the path of its file, and load it on the other side.")

    def _row(self, reading: Values) -> Values:
        if not isinstance(reading, Mapping):
            return reading
        missing = [name for name in self.sensor_names if name not in reading]
        if missing:
            raise InputShapeError(
                f"the reading lacks {len(missing)} of the model's sensors: {', '.join(missing)}. "
                f"Received: {', '.join(map(str, reading))}."
            )
        return [reading[name] for name in self.sensor_names]

    def _not_a_reading(self, reading: object) -> InputShapeError:
        return InputShapeError(
            f"expected {self._sensors} finite numbers, one per sensor ({', '.join(self.sensor_names)}). "
            f"Received: {reading!r:.200}"
        )

    def _one_window(self, window: npt.ArrayLike) -> FloatArray:
        array = np.ascontiguousarray(window, np.float32)
        return as_windows(array.reshape(1, *array.shape), self._window, self._sensors)

    def _run_many(self, windows: npt.ArrayLike, output: str) -> FloatArray:
        array = as_windows(windows, self._window, self._sensors)
        if len(array) <= 1:
            return self._run_singly(array, output)
        with self._lock:
            if self._batched is None:
                interpreter = self.runtime.open(self._flatbuffer, self._num_threads)
                self._batched = _Graph(interpreter, _BATCH)
            return self._batched.run_many(array, output)

    def _run_singly(self, windows: FloatArray, output: str) -> FloatArray:
        with self._lock:
            empty = np.empty((0, *self._single.shape(output)[1:]), np.float32)
            return np.concatenate([empty, *(self._single.run(window[None], output) for window in windows)])


class _Graph:
    """An interpreter at one batch size, its outputs by name."""

    def __init__(self, interpreter: Any, batch: int) -> None:
        self._interpreter, self._batch = interpreter, batch
        details = interpreter.get_input_details()[0]
        self._input = details["index"]
        self._input_shape = (batch, *(int(size) for size in details["shape"][1:]))
        if batch > 1:
            interpreter.resize_tensor_input(self._input, self._input_shape)
            interpreter.allocate_tensors()
        self._outputs = {output["name"]: output["index"] for output in interpreter.get_output_details()}

    def check(self, window: int, sensors: int) -> None:
        """Raise InputShapeError unless the graph takes windows of this shape."""
        if self._input_shape[1:] != (window, sensors):
            raise InputShapeError(
                f"the graph takes windows of shape {self._input_shape[1:]}, its manifest says ({window}, {sensors})."
            )

    def has(self, output: str) -> bool:
        return output in self._outputs

    def shape(self, output: str) -> tuple[int, ...]:
        details = self._interpreter.get_output_details()
        return next(tuple(item["shape"]) for item in details if item["name"] == output)

    def run(self, windows: FloatArray, output: str) -> FloatArray:
        interpreter = self._interpreter
        interpreter.set_tensor(self._input, windows)
        interpreter.invoke()
        result: FloatArray = interpreter.get_tensor(self._outputs[output])
        return result

    def run_many(self, windows: FloatArray, output: str) -> FloatArray:
        """Run any number of windows; the last batch is filled up with its own last window."""
        batch, n = self._batch, len(windows)
        results = np.empty((n, *self.shape(output)[1:]), np.float32)
        for start in range(0, n - n % batch, batch):
            results[start : start + batch] = self.run(windows[start : start + batch], output)
        if n % batch:
            rest = windows[n - n % batch :]
            filled = np.concatenate([rest, np.repeat(rest[-1:], batch - len(rest), axis=0)])
            results[n - len(rest) :] = self.run(filled, output)[: len(rest)]
        return results
