"""The detector: one model file, one interpreter, a score for every window."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import UsageError
from edge_runtime.inference.forking import opened_later, renew_after_fork
from edge_runtime.inference.graph_scoring import Scorer, scorer_of
from edge_runtime.inference.inputs import InputReader, Reading
from edge_runtime.inference.runtimes import Options, Runtime, find_runtime
from edge_runtime.model_file.container import ModelFile, read_model_file
from edge_runtime.model_file.manifest import Manifest
from edge_runtime.signal.only_when import model_condition
from edge_runtime.signal.preprocessing import WindowBuffer, as_windows, refuse_missing, shaped_windows
from edge_runtime.signal.smoothing import Smoother
from edge_runtime.streaming.adaptation.mean_tracking import tracker_of

if TYPE_CHECKING:  # not needed, and not loaded, where there is no accelerator
    from edge_runtime.inference.accelerators import Accelerator


_ndarray, _FLOAT32 = np.ndarray, np.dtype(np.float32)


class Result(NamedTuple):
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
    >>> detector = Detector.load("pump.tflite")
    >>> detector.sensor_names
    ('flow', 'pressure', 'current', 'vibration')
    >>> detector.update([33.0, 103_000.0, 1.6, 0.003]) is None  # its windows are of two readings
    True
    >>> detector.update({"flow": 33.2, "pressure": 103_100.0, "current": 1.6, "vibration": 0.003})
    Result(score=4.4814, threshold=30.0, is_anomaly=False)
    >>> result = detector.update([33.1, 150_000.0, 1.6, 0.003])
    >>> result.is_anomaly
    True
    >>> contributions = detector.explain()
    >>> max(contributions, key=contributions.get)
    'pressure'

    Without a stream, and many windows at once:

    >>> import numpy as np
    >>> window = np.array([[33.0, 103_000.0, 1.6, 0.003], [33.2, 103_100.0, 1.6, 0.003]])
    >>> detector.score(window)
    4.4814
    >>> detector.score_many(np.stack([window, window])).shape, detector.encode(window[None]).shape
    ((2,), (1, 6))
    """

    def __init__(self, model: ModelFile, runtime: Runtime, options: Options | None = None) -> None:
        self.manifest: Manifest = model.manifest
        self.runtime, self.options = runtime, options or Options()
        spec = model.manifest.spec
        self.sensor_names = spec.sensor_names
        self._window, self._sensors = spec.preprocessing.window, len(spec.sensors)
        self._window_shape = (self._window, self._sensors)
        self._inputs = InputReader(self.sensor_names, self._window)
        self._buffer = WindowBuffer(self._window, spec.preprocessing.stride, self._sensors)
        self._smoother = Smoother(spec.scoring.smoothing_span)
        self._tracker = tracker_of(spec)
        self.only_when = model_condition(spec)
        self._shifted = np.empty(self._window_shape, np.float32)
        self._threshold = model.manifest.threshold.value
        self._lock = threading.RLock()
        self._make_scorer: Callable[[], Scorer] = partial(
            scorer_of,
            model,
            partial(runtime.open, model.flatbuffer, self.options),
            accelerated=self.options.accelerator is not None,
            rounds_batches_alike=runtime.rounds_batches_alike(self.options),
        )
        self._scorer = self._open_scorer()
        self._last_window: FloatArray | None = None
        renew_after_fork(self)

    @classmethod
    def load(  # noqa: PLR0913 - each is an option of its own
        cls,
        path: str | Path,
        *,
        num_threads: int = 1,
        accelerator: str | None = None,
        runtime: str = "auto",
        xnnpack: bool | None = None,
        trusted_key: str | Path | None = None,
    ) -> Detector:
        """Open a model file.

        Parameters
        ----------
        path : str or Path
        num_threads : int
            Threads of the interpreter; one is fastest for small networks.
        accelerator : str, optional
            ``edgetpu``, ``edgetpu:usb``, ``edgetpu:pci``, ``edgetpu:0`` …, or the path of an external delegate
            with its options, ``libdelegate.so;key=value``.
        runtime : str
            ``auto``, ``ai-edge-litert``, ``tflite-runtime`` or ``numpy``; ``auto`` follows SAELITE_RUNTIME.
        xnnpack : bool, optional
            Whether the runtime may use XNNPACK; by default as SAELITE_XNNPACK says (0 or 1), else yes.
        trusted_key : str or Path, optional
            Public key that must have signed the file.

        Raises
        ------
        ModelFileError
            If the file is missing, damaged, changed, not ours, or refused by the runtime.
        RuntimeUnavailableError
            If no such runtime is installed.
        AcceleratorError
            If the accelerator cannot be used; the message says which of its parts is missing.
        """
        if num_threads < 1:
            raise UsageError(f"num_threads must be at least 1. Received: {num_threads}")
        options = Options(num_threads, xnnpack, _accelerator(accelerator))
        return cls(read_model_file(path, trusted_key=trusted_key), find_runtime(runtime), options)

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
        # The usual case without a call: an array that is as it should be. `InputReader` knows all others.
        if type(window) is _ndarray and window.dtype is _FLOAT32 and window.shape == self._window_shape:
            with self._lock:
                score = self._scorer.score(window[None])
            if score == score:  # noqa: PLR0124 - NaN, what a window with no number in it gets, is unlike itself
                return score
        values = self._inputs.one_window(window)
        with self._lock:
            return self._scorer.score(values)

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

    @property
    def outputs(self) -> frozenset[str]:
        """What the model gives: ``score``, and perhaps ``codes``, ``contributions`` and ``expected``."""
        return self._scorer.outputs

    def outputs_many(self, windows: npt.ArrayLike, names: tuple[str, ...]) -> dict[str, FloatArray]:
        """Return several of `outputs` by name, each of shape (n, …), for the price of one.

        Parameters
        ----------
        windows : array-like of shape (n, window, sensors)
        names : tuple of str

        Raises
        ------
        InputShapeError
            If window or sensors differ from the manifest's, or a value is not a finite number.
        """
        array = shaped_windows(windows, self._window, self._sensors)
        with self._lock:
            # Many windows are longer on their way through the memory than through the network: one pass less.
            is_told_by_score = self._scorer.marks_missing and "score" in names
            if not is_told_by_score:
                refuse_missing(array)
            outputs = self._scorer.run(array, names)
        if is_told_by_score and np.isnan(outputs["score"]).any():
            refuse_missing(array)
        return outputs

    def smooth(self, scores: FloatArray) -> FloatArray:
        """Return the smoothed scores of successive windows, from a fresh start."""
        return Smoother(self.manifest.spec.scoring.smoothing_span).update_many(scores)

    def explain(self, window: npt.ArrayLike | None = None) -> dict[str, float]:
        """Return each sensor's contribution to the raw score of a window, by default the last one of `update`.

        See `explain_many`.
        """
        if window is None and self._last_window is None:
            raise UsageError("nothing to explain yet: no window was scored by update(). Pass a window.")
        windows = self._last_window[None] if window is None else self._inputs.one_window(window)  # type: ignore[index]
        return dict(zip(self.sensor_names, self.explain_many(windows)[0].tolist(), strict=True))

    def explain_many(self, windows: npt.ArrayLike) -> FloatArray:
        """Return each sensor's contribution to the raw scores, shape (n, sensors).

        They are shares: not negative, and they sum to the score, see `edge_runtime.inference.attribution`. For a
        model that was attached without normal data a sensor's contribution is how far the score falls when that sensor
        is set to its centre.
        """
        array = as_windows(windows, self._window, self._sensors)
        if "contributions" in self.outputs:
            return self._run_many(array, "contributions")
        scores = self._run_many(array, "score")
        contributions = np.empty((len(array), self._sensors), np.float32)
        for sensor, center in enumerate(self.manifest.spec.preprocessing.center):
            without = array.copy()
            without[:, :, sensor] = center
            contributions[:, sensor] = scores - self._run_many(without, "score")
        return contributions

    def expected_many(self, windows: npt.ArrayLike) -> FloatArray:
        """Return what each sensor should read on average over each window, given the others, shape (n, sensors).

        In sensor units. Where the model does not tell, it is the centre of training.
        """
        array = as_windows(windows, self._window, self._sensors)
        if "expected" in self.outputs:
            return self._run_many(array, "expected")
        center = np.asarray(self.manifest.spec.preprocessing.center, np.float32)
        return np.broadcast_to(center, (len(array), self._sensors))

    def update(self, reading: Reading) -> Result | None:
        """Add one reading of a stream; return the result of the window it completes, else None.

        A reading outside the model's ``--only-when`` gives None as well, and the next window starts after it.
        Where the model file says so the inputs' mean follows quiet readings, see
        `edge_runtime.streaming.adaptation.mean_tracking`.

        Parameters
        ----------
        reading : sequence of float in the manifest's order, or mapping by sensor name
        """
        with self._lock:
            row = self._inputs.row(reading)
            if self.only_when is not None and not self.only_when.is_on(row[None])[0]:
                self._buffer.clear()
                return None
            window = self._buffer.push(row)
            if window is None:
                return None
            tracker = self._tracker
            if tracker is None:
                self._last_window = window
                score = self._smoother.update(self._scorer.score(window[None]))
            else:
                self._last_window = tracker.shift(window, out=self._shifted)
                score = self._smoother.update(self._scorer.score(self._shifted[None]))
                tracker.follow(window[-1], quiet=score <= self._threshold)
        return Result(score, self._threshold, score > self._threshold)

    def reset(self) -> None:
        """Forget the stream: the window's readings, the smoothed score, and where the mean went."""
        with self._lock:
            self._buffer.clear()
            self._smoother.reset()
            if self._tracker is not None:
                self._tracker.reset()
            self._last_window = None

    def __enter__(self) -> Detector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.reset()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Detector cannot be pickled: send the path of its file, and load it on the other side.")

    def _run_many(self, windows: npt.ArrayLike, output: str) -> FloatArray:
        return self.outputs_many(windows, (output,))[output]

    def after_fork(self) -> None:
        """Be ready for use in a forked process, which has this detector but none of the interpreter's threads."""
        # Another thread of the parent may have held the lock; in the child it will never let go of it.
        self._lock = threading.RLock()
        self._scorer.abandon()
        self._scorer = opened_later(self._open_scorer)

    def _open_scorer(self) -> Scorer:
        self._scorer = self._make_scorer()
        return self._scorer


def _accelerator(text: str | None) -> Accelerator | None:
    if text is None:
        return None
    from edge_runtime.inference.accelerators import parse_accelerator

    return parse_accelerator(text)
