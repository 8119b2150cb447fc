"""The detector: one model file, one interpreter, a score for every window."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import UsageError
from edge_runtime.inference.forking import opened_later, renew_after_fork
from edge_runtime.inference.graph_scoring import GraphScorer, scorer_of
from edge_runtime.inference.inputs import InputReader
from edge_runtime.inference.runtimes import Options, Runtime, find_runtime
from edge_runtime.model_file.container import ModelFile, read_model_file
from edge_runtime.model_file.manifest import DetectorSpec, Manifest
from edge_runtime.signal.only_when import model_condition
from edge_runtime.signal.windows import as_windows, refuse_missing, shaped_windows

if TYPE_CHECKING:  # not needed, and not loaded, without an accelerator
    from edge_runtime.inference.accelerators import Accelerator
    from edge_runtime.streaming.judging import AdaptationSettings
    from edge_runtime.streaming.stream import Stream


_ndarray, _FLOAT32 = np.ndarray, np.dtype(np.float32)


class Detector:
    """Scores windows of readings with a model file, and remembers nothing.

    Windows are without the usual course of the day, if the model has one (`edge_runtime.signal.cycle`); a stream takes
    it away by itself.

    Use `load` to make one. Any number of threads and streams may share a detector; they take turns. To score the
    successive readings of a machine, make a `Stream` with `stream`.

    Examples
    --------
    >>> import numpy as np
    >>> detector = Detector.load("pump.tflite")
    >>> detector.sensor_names
    ('flow', 'pressure', 'current', 'vibration')
    >>> window = np.array([[33.0, 103_000.0, 1.6, 0.003], [33.2, 103_100.0, 1.6, 0.003]])
    >>> detector.score(window)
    4.2078
    >>> detector.score_many(np.stack([window, window])).shape, detector.encode(window[None]).shape
    ((2,), (1, 6))
    >>> window[1, 1] = 150_000.0
    >>> contributions = detector.explain(window)
    >>> max(contributions, key=contributions.get)
    'pressure'

    Reading by reading:

    >>> stream = detector.stream()
    >>> stream.update([33.0, 103_000.0, 1.6, 0.003]) is None  # its windows are of two readings
    True
    >>> stream.update({"flow": 33.2, "pressure": 103_100.0, "current": 1.6, "vibration": 0.003})
    Result(score=4.2078, threshold=30.0, is_anomaly=False)
    """

    def __init__(self, model: ModelFile, runtime: Runtime, options: Options | None = None) -> None:
        self.manifest: Manifest = model.manifest
        self.runtime, self.options = runtime, options or Options()
        spec = model.manifest.spec
        self.sensor_names = spec.sensor_names
        self._window, self._sensors = spec.preprocessing.window, len(spec.sensors)
        self._window_shape = (self._window, self._sensors)
        self._inputs = InputReader(self.sensor_names, self._window)
        self.only_when = model_condition(spec)
        self._threshold = model.manifest.threshold.value
        self._lock = threading.RLock()
        self._make_scorer: Callable[[], GraphScorer] = partial(
            scorer_of,
            model,
            partial(runtime.open, options=self.options),
            accelerated=self.options.accelerator is not None,
            rounds_batches_alike=runtime.rounds_batches_alike(self.options),
        )
        self._scorer = self._open_scorer()
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
        device_key: str | Path | None = None,
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
            Whether the runtime may use XNNPACK; by default as SAELITE_XNNPACK says (0 or 1), otherwise yes.
        trusted_key : str or Path, optional
            Public key that must have signed the file.
        device_key : str or Path, optional
            Public key of this device: what it signed is accepted if it adapts a file that `trusted_key` signed.

        Raises
        ------
        ModelFileError
            If the file is missing, damaged, changed, not written by saelite, or refused by the runtime.
        RuntimeUnavailableError
            If no such runtime is installed.
        AcceleratorError
            If the accelerator cannot be used; the message names the cause.
        """
        if num_threads < 1:
            raise UsageError(f"num_threads must be at least 1. Received: {num_threads}")
        options = Options(num_threads, xnnpack, _accelerator(accelerator))
        file = read_model_file(path, trusted_key=trusted_key, device_key=device_key)
        return cls(file, find_runtime(runtime), options)

    @property
    def spec(self) -> DetectorSpec:
        """Sensors, preprocessing and scoring."""
        return self.manifest.spec

    @property
    def threshold(self) -> float:
        """Limit of the smoothed score."""
        return self._threshold

    def stream(self, adaptation: AdaptationSettings | None = None) -> Stream:
        """Return a stream for the readings of one machine; any number of streams may share this detector.

        Parameters
        ----------
        adaptation : AdaptationSettings, optional
            What adapts to the machine; by default as the model file says.
        """
        from edge_runtime.streaming.stream import Stream

        return Stream(self, adaptation, only_when=self.only_when)

    def score(self, window: npt.ArrayLike) -> float:
        """Return the raw score of one window.

        Parameters
        ----------
        window : array-like of shape (window, sensors), or (sensors,) if the window is one reading
            Raw sensor values in the manifest's order.
        """
        # Fast path without a call for an array of the right form; `InputReader` handles all others.
        if type(window) is _ndarray and window.dtype is _FLOAT32 and window.shape == self._window_shape:
            with self._lock:
                score = self._scorer.score(window[None])
            if score == score:  # noqa: PLR0124 - NaN, what a window with no number in it gets, is unlike itself
                return score
        values = self._inputs.one_window(window)
        with self._lock:
            return self._scorer.score(values)

    def score_one(self, window: FloatArray) -> float:
        """Return the raw score of one window in the graph's form: (1, window, sensors), float32, finite."""
        with self._lock:
            return self._scorer.score(window)

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
        """Names of the model's outputs: ``score``, and possibly ``codes``, ``contributions`` and ``expected``."""
        return self._scorer.outputs

    def outputs_many(self, windows: npt.ArrayLike, names: tuple[str, ...]) -> dict[str, FloatArray]:
        """Return several of `outputs` by name, each of shape (n, …), from one run.

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
            # For many windows, memory traffic costs more than the network: one pass less.
            is_told_by_score = self._scorer.marks_missing and "score" in names
            if not is_told_by_score:
                refuse_missing(array)
            outputs = self._scorer.run(array, names)
        if is_told_by_score and np.isnan(outputs["score"]).any():
            refuse_missing(array)
        return outputs

    def explain(self, window: npt.ArrayLike) -> dict[str, float]:
        """Return each sensor's contribution to the raw score of a window; see `explain_many`."""
        windows = self._inputs.one_window(window)
        return dict(zip(self.sensor_names, self.explain_many(windows)[0].tolist(), strict=True))

    def explain_many(self, windows: npt.ArrayLike) -> FloatArray:
        """Return each sensor's contribution to the raw scores, shape (n, sensors).

        They are shares, never negative, and sum to the score, see `edge_runtime.inference.attribution`. For a
        model attached without normal data, a sensor's contribution is how far the score falls if that sensor is set
        to its centre.
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
        """Return each sensor's expected mean over each window, given the other sensors, shape (n, sensors).

        In sensor units. If the model has no expected values, the training mean is returned.
        """
        array = as_windows(windows, self._window, self._sensors)
        if "expected" in self.outputs:
            return self._run_many(array, "expected")
        center = np.asarray(self.manifest.spec.preprocessing.center, np.float32)
        return np.broadcast_to(center, (len(array), self._sensors))

    @property
    def deviations(self) -> FloatArray:
        """Usual deviation of each sensor's mean over a window from `expected_many`, shape (sensors,).

        Standard deviation on normal data, in sensor units. If the model has no expected values, the scale of training.
        """
        return np.asarray(self.manifest.bands or self.manifest.spec.preprocessing.scale, np.float32)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Detector cannot be pickled: send the path of its file, and load it on the other side.")

    def _run_many(self, windows: npt.ArrayLike, output: str) -> FloatArray:
        return self.outputs_many(windows, (output,))[output]

    def after_fork(self) -> None:
        """Prepare for use in a forked process, which has this detector but none of the interpreter's threads."""
        # Another thread of the parent may have held the lock; in the child it will never be released.
        self._lock = threading.RLock()
        self._scorer.abandon()
        self._scorer = opened_later(self._open_scorer)

    def _open_scorer(self) -> GraphScorer:
        self._scorer = self._make_scorer()
        return self._scorer


def _accelerator(text: str | None) -> Accelerator | None:
    if text is None:
        return None
    from edge_runtime.inference.accelerators import parse_accelerator

    return parse_accelerator(text)
