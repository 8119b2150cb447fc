"""The loop of `saelite run`: source to stream to sinks, until it is told to stop."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from edge_runtime.detector import Detector
from edge_runtime.errors import SaeliteError
from edge_runtime.running.every import Every
from edge_runtime.running.sd_notify import notify, watchdog_period_s
from edge_runtime.running.state_keeper import StateKeeper
from edge_runtime.sinks.sink import EndOfOutput, Sinks
from edge_runtime.sources.source import Readings, Source
from edge_runtime.streaming.stream import Stream

_POLL_S = 0.2
_STATUS_S = 1.0
_DRAIN_S = 5.0


@dataclass(frozen=True)
class RunSettings:
    """What the loop looks after besides the readings.

    Parameters
    ----------
    model : Path
        Watched: a changed file is loaded.
    load : callable
        Opens the model file.
    state : Path, optional
        Where the state is kept.
    state_interval_s : float
        The state is never older than this.
    duration_s : float, optional
        Stop after so long.
    """

    model: Path
    load: Callable[[], Detector]
    state: Path | None = None
    state_interval_s: float = 10.0
    duration_s: float | None = None


class Runner:
    """Runs a stream until the source ends, a signal comes, or the time is over.

    SIGTERM and SIGINT end it after what was read is scored and written; SIGHUP, or a changed model file, loads
    the model again.

    Parameters
    ----------
    stream : Stream
    source : Source
    sinks : Sinks
    settings : RunSettings
    tell : callable
        Prints one line.
    """

    def __init__(
        self, stream: Stream, source: Source, sinks: Sinks, settings: RunSettings, tell: Callable[[str], None]
    ) -> None:
        self._stream, self._source, self._sinks = stream, source, sinks
        self._settings, self._tell = settings, tell
        self._stopping = self._reload_asked = False
        self._model_seen = _fingerprint(settings.model)
        self._status, self._watchdog = Every(_STATUS_S), Every(watchdog_period_s())
        self._keeper = StateKeeper(settings.state, settings.state_interval_s, stream) if settings.state else None

    def run(self) -> None:
        """Run to the end.

        Raises
        ------
        RecordingError
            If the source cannot be read, or a value is missing and the policy is ``error``.
        OutputError
            If no sink took some of the results.
        """
        self._listen_to_signals()
        if self._keeper:
            self._keeper.restore()
        notify("READY=1")
        end_s = None if self._settings.duration_s is None else time.monotonic() + self._settings.duration_s
        try:
            while not self._stopping and (end_s is None or time.monotonic() < end_s):
                readings = self._source.poll(min(_POLL_S, self._keeper.left_s) if self._keeper else _POLL_S)
                if readings is None:
                    break
                self._take(readings)
                self._look_around()
            self._drain()
        except EndOfOutput:
            pass
        finally:
            notify("STOPPING=1")
            self._finish()
        self._sinks.raise_lost()

    def _take(self, readings: Readings) -> None:
        results = self._stream.push(readings)
        if len(results) or results.events:
            self._sinks.write(results)
        self._stream.raise_refusal()

    def _look_around(self) -> None:
        if self._watchdog.due():
            notify("WATCHDOG=1")
        if self._keeper:
            self._keeper.look()
        if self._status.due() or self._reload_asked:
            self._count()
            self._sinks.status(self._stream.counters)
            self._watch_model()

    def _drain(self) -> None:
        """Score what the source has already taken in."""
        self._source.stop()
        end_s = time.monotonic() + _DRAIN_S
        while time.monotonic() < end_s:
            readings = self._source.poll(0.05)
            if readings is None or not (len(readings) or readings.lost):
                return
            self._take(readings)

    def _finish(self) -> None:
        self._stream.end()
        if self._keeper:
            self._keeper.close()
        self._source.close()
        self._count()
        self._sinks.status(self._stream.counters)
        self._sinks.close()

    def _count(self) -> None:
        self._stream.counters.reconnects = getattr(self._source, "reconnects", 0)
        self._stream.counters.undelivered = self._sinks.undelivered

    def _watch_model(self) -> None:
        seen = _fingerprint(self._settings.model)
        if not self._reload_asked and (seen is None or seen == self._model_seen):
            return
        self._reload_asked, self._model_seen = False, seen
        notify("RELOADING=1\nMONOTONIC_USEC=" + str(time.monotonic_ns() // 1000))
        try:
            self._stream.use(self._settings.load())
        except SaeliteError as error:
            self._stream.counters.refused_models += 1
            self._tell(f"the new model is refused, the old one goes on: {error}")
        else:
            self._stream.counters.reloads += 1
            self._tell(f"{self._settings.model} is loaded; the window goes on")
        notify("READY=1")

    def _listen_to_signals(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, self._reload)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self._stopping = True
        # Whoever asks twice does not want to wait for what is still buffered.
        signal.signal(number, signal.SIG_DFL)

    def _reload(self, _number: int, _frame: FrameType | None) -> None:
        self._reload_asked = True


def _fingerprint(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
