"""Results into a history: the sink that every other one waits for, a second at most, before it announces an alarm."""

from __future__ import annotations

from collections.abc import Callable

from edge_runtime.common.counters import Counters
from edge_runtime.history.history import History
from edge_runtime.history.ignoring import Ignoring
from edge_runtime.history.recording import Recorder
from edge_runtime.history.records import ModelChange
from edge_runtime.history.writing import COMMIT_S
from edge_runtime.model_file.manifest import Manifest
from edge_runtime.sinks.sink import StreamInfo
from edge_runtime.streaming.results import Results

_MOST_ROWS = 1000
_LONGEST_S = 1.0


class HistorySink:
    """Records one machine; several may share a history.

    Alarms are committed before `write` returns, everything else within ten seconds.

    Parameters
    ----------
    history : History
        Opened to record into.
    info : StreamInfo
    tell : callable
        Called with one line for each sensor that is ignored from now on, or counts again.
    release : callable
        Called with the history at the end.

    Attributes
    ----------
    history : History
    ignoring : Ignoring
        Follows the marks.
    """

    def __init__(
        self,
        history: History,
        info: StreamInfo,
        tell: Callable[[str], None] = lambda _: None,
        release: Callable[[History], None] = lambda _: None,
    ) -> None:
        self.name = f"history {history.path or 'in memory'}"
        self.ignoring = Ignoring(history, info.name, tell)
        self.ignoring.look()
        self.history, self._release = history, release
        self._writer = history.writer
        self._clocks = self._writer.clocks
        self._recorder = Recorder(self._writer, info.name, info.sensors)
        self._waiting: list[Results] = []
        self._rows = 0
        self._next_s = self._clocks.steady_s() + _LONGEST_S
        self._flush_s = self._clocks.steady_s() + COMMIT_S

    def write(self, results: Results) -> None:
        """See `Sink.write`. Single results are taken together: one by one they would cost far more."""
        self._waiting.append(results)
        self._rows += len(results)
        if results.events or self._rows >= _MOST_ROWS or self._clocks.steady_s() >= self._next_s:
            self._record()
        if results.events:
            self._writer.commit()
        else:
            self._commit_if_due()

    def status(self, counters: Counters) -> None:  # noqa: ARG002 - a sink's method
        """See `Sink.status`; what waits is recorded, and what others have marked is looked at."""
        self._record()
        self.ignoring.look()
        self._commit_if_due()

    def model(self, manifest: Manifest) -> None:
        """Keep that a model came into use."""
        parent = "" if manifest.parent is None else manifest.parent.sha256
        change = ModelChange(self._clocks.wall_s(), manifest.flatbuffer_sha256, manifest.name, manifest.version, parent)
        self._recorder.note_model(change)

    def close(self) -> None:
        """See `Sink.close`; the history itself is released, as others may record into it."""
        self._record()
        self._recorder.end()
        self._writer.commit()
        self._release(self.history)

    def _record(self) -> None:
        waiting, self._waiting, self._rows = self._waiting, [], 0
        self._next_s = self._clocks.steady_s() + _LONGEST_S
        if waiting:
            self._recorder.add(waiting)

    def _commit_if_due(self) -> None:
        if self._clocks.steady_s() >= self._flush_s:
            self._flush_s = self._clocks.steady_s() + COMMIT_S
            self._recorder.flush()
        self._writer.commit_if_due()
