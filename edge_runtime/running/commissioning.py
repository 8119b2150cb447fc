"""``--learn``: watch a new machine, learn its normal work, then judge by what was learnt.

Beside the state file lie ``STATE.learning``, the readings, and ``STATE.learnt``, the model file adapted to them. Both
outlive a restart. A new file from the maker is adapted to the same readings at once. Where nothing can be learnt, the
maker's file judges, and that is said.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.common.durations import duration_text
from edge_runtime.common.setting import Range, conform, documented, setting
from edge_runtime.errors import OutputError, SaeliteError, UsageError
from edge_runtime.inference.detector import Detector
from edge_runtime.inference.opening import Opening
from edge_runtime.model_file.container import read_content
from edge_runtime.refitting.learner import Learner
from edge_runtime.refitting.normal_readings import Shape
from edge_runtime.refitting.process import Job, Process
from edge_runtime.running.every import Every
from edge_runtime.signal.cycle import course_of
from edge_runtime.streaming.learning_events import LearningEnded, LearningEvent, LearningStarted

Tell = Callable[[str], None]


@documented
@dataclass(frozen=True)
class LearnSettings:
    """How a new machine is commissioned."""

    learn_s: float | None = setting(
        None,
        "Learn this machine's normal work for this time, then judge by it; until then no alarm is announced. "
        "Needs --state.  [default: judge from the start]",
        within=Range(0, low_open=True),
        form="duration",
        example=86_400.0,
    )
    sign: Path | None = setting(
        None,
        "This device's private key, which signs what was learnt (see saelite keygen).",
        form="file",
        example=Path("device.pem"),
    )

    def __post_init__(self) -> None:
        conform(self)


class Commissioning:
    """Learns a machine while it is watched.

    Parameters
    ----------
    settings : LearnSettings
    state : Path or None
        The state file.
    interval_s : float
        Maximum age of the saved readings.
    model : Path
        For messages.
    opening : Opening
    tell : callable
        Prints one line.

    Raises
    ------
    UsageError
        If there is no state file, or what is learnt would not be trusted after a restart.
    """

    def __init__(  # noqa: PLR0913 - what is learnt, how, and where it is kept
        self,
        settings: LearnSettings,
        state: Path | None,
        interval_s: float,
        model: Path,
        opening: Opening,
        tell: Tell,
    ) -> None:
        self._settings, self._model, self._opening, self._tell = settings, model, opening, tell
        self._learn_s = settings.learn_s or 0.0
        self._state = _checked(settings, state, opening)
        self._every = Every(interval_s)
        self._learner: Learner | None = None
        self._to_learn: Detector | None = None
        self._process: Process | None = None
        self._content = b""
        self._events: list[LearningEvent] = []

    @property
    def learnt_path(self) -> Path:
        """The adapted model file."""
        return self._beside("learnt")

    @property
    def learner(self) -> Learner | None:
        """Takes the readings; None once there is nothing left to learn."""
        return self._learner

    @property
    def is_over(self) -> bool:
        """Whether the time to learn has passed, and what was learnt is not in use yet."""
        return self._learner is not None and self._learner.progress >= 1.0

    @property
    def left_percent(self) -> int:
        """Per cent of the time to learn that is left, 1 at least while alarms are held back; otherwise 0."""
        return 0 if self._learner is None else max(1, math.ceil(100 * (1.0 - self._learner.progress)))

    def begin(self, maker: Detector, content: bytes) -> Detector:
        """Return the detector to use: what was learnt before, or else the maker's, until `start` and learning.

        Parameters
        ----------
        maker : Detector
        content : bytes
            Its file.
        """
        self._stop_process()
        self._learner, self._content = None, content
        learnt = self._learnt(content)
        self._to_learn = maker if learnt is None else None
        return maker if learnt is None else learnt

    def start(self) -> None:
        """Begin to learn, or go on after a restart; nothing if that is done.

        Raises
        ------
        OutputError
            If the readings cannot be kept.
        """
        if self._to_learn is None:
            return
        spec = self._to_learn.spec
        self._learner = Learner(
            self._beside("learning"), spec.sensor_names, Shape.of(spec.preprocessing), self._learn_s, course_of(spec)
        )
        self._events.append(LearningStarted(time.time(), self._learn_s, self._learner.progress))
        self._tell(
            f"learning this machine's normal work for {duration_text(self._learn_s)} "
            f"({self._learner.progress:.0%} so far); no alarm is announced until then"
        )

    def look(self, step_s: float | None) -> Detector | None:
        """Save what is due, fit when it is time, and return the detector that was learnt, once.

        Parameters
        ----------
        step_s : float or None
            Seconds from one reading to the next.
        """
        if self._learner is None:
            return None
        if self._process is not None:
            return self._finished() if self._process.done else None
        if self.is_over:
            self._save()
            self._start(step_s)
        elif self._every.due():
            self._save()
        return None

    def events(self) -> tuple[LearningEvent, ...]:
        """Return what happened since the last call."""
        events, self._events = tuple(self._events), []
        return events

    def close(self) -> None:
        """Save, and end a fit that is under way: it begins anew after the next start."""
        self._stop_process()
        if self._learner is not None:
            self._save()

    def _learnt(self, content: bytes) -> Detector | None:
        """Return what was learnt before, if that adapts this very file of the maker's."""
        try:
            detector = self._opening.open(self._model, read_content(self.learnt_path))
        except SaeliteError:
            return None
        parent = detector.manifest.parent
        return detector if parent is not None and parent.sha256 == hashlib.sha256(content).hexdigest() else None

    def _start(self, step_s: float | None) -> None:
        opening = self._opening
        key = None if self._settings.sign is None else str(self._settings.sign)
        files = (str(self._model), str(self._beside("learning")), str(self.learnt_path))
        self._process = Process(Job(*files, step_s, opening.runtime, opening.threads, key), self._content)
        self._tell("the time to learn is over: fitting")

    def _finished(self) -> Detector | None:
        process, self._process, self._learner = self._process, None, None
        reason = f"{self.learnt_path} cannot be used."
        try:
            if process is not None:
                process.result()
            detector = self._learnt(self._content)
        except SaeliteError as error:
            detector, reason = None, str(error)
        if detector is None:
            self._events.append(LearningEnded(time.time(), 0, learnt=False))
            self._tell(f"nothing was learnt: {reason} {self._model} judges as its maker made it, from now on")
            return None
        threshold = detector.manifest.threshold
        self._events.append(LearningEnded(time.time(), threshold.n_windows, learnt=True))
        self._tell(f"learnt from {threshold.n_windows:,} windows: alarms are announced from now on")
        return detector

    def _save(self) -> None:
        try:
            if self._learner is not None:
                self._learner.save()
        except OutputError as error:
            self._tell(f"{error} The stream continues.")

    def _stop_process(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None

    def _beside(self, kind: str) -> Path:
        return self._state.with_name(f"{self._state.name}.{kind}")


def _checked(settings: LearnSettings, state: Path | None, opening: Opening) -> Path:
    if state is None:
        raise UsageError("--learn keeps what it learns beside the state: expected --state FILE. Received: none.")
    if opening.trusted_key and (settings.sign is None or not opening.device_key):
        raise UsageError(
            "--learn with --trusted-key: what is learnt must be signed by this device. Expected --sign KEY and "
            "--device-key KEY.pub (see saelite keygen)."
        )
    return state
