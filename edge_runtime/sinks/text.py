"""Results as lines of JSON or CSV, to standard output or a rotated file."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.common.atomic import unwritable
from edge_runtime.common.counters import Counters
from edge_runtime.model_file.json_codec import to_json
from edge_runtime.sinks.rotated_file import RotatedFile, write_all
from edge_runtime.sinks.sink import EndOfOutput
from edge_runtime.sinks.special_file import SpecialFile, is_special
from edge_runtime.streaming.alarm_events import AlarmEnded, AlarmEvent, AlarmStarted
from edge_runtime.streaming.blame import TOP_SENSORS
from edge_runtime.streaming.health import Health, HealthEvent
from edge_runtime.streaming.results import Results, time_texts

Format = Callable[[Results], list[str]]


def json_lines(sensors: tuple[str, ...]) -> Format:
    """Return a function that turns results and events into lines of JSON, in their order.

    A result: ``{"time": …, "score": …, "threshold": …, "alarm": …, "sensors": {name: contribution, …}, "drift": …}``.
    An event: ``{"event": "alarm_started", "time": …, …}``. Results of a machine that is still being learnt end with
    ``"learning": true``.
    """
    names = np.array([json.dumps(name, ensure_ascii=False) for name in sensors], object)
    shown = min(TOP_SENSORS, len(sensors))
    top = ", ".join(["%s: %.4g"] * shown)
    template = '{"time": "%s", "score": %.6g, "threshold": %.6g, "alarm": %s, "sensors": {' + top + '}, "drift": %s}\n'
    learning = template.replace("}\n", ', "learning": true}\n')

    def lines(results: Results) -> list[str]:
        form = learning if results.learning else template
        formatted = [form % row for row in _rows(results, names, ("false", "true"), "null")]
        for row, event in reversed(list(zip(results.event_rows, results.events, strict=True))):
            formatted.insert(row + 1, json_line(event))
        return formatted

    return lines


def alarm_lines(results: Results) -> list[str]:
    """Return the events of results as lines of JSON, and nothing else; see `json_lines`."""
    return [json_line(event) for event in results.events]


def csv_lines(sensors: tuple[str, ...]) -> Format:
    """Return a function that turns results into lines of CSV; see `csv_header`."""
    names = np.array([csv_cell(name) for name in sensors], object)
    shown = min(TOP_SENSORS, len(sensors))
    template = "%s,%.6g,%.6g,%s," + "%s,%.4g," * shown + "%s\n"

    def lines(results: Results) -> list[str]:
        return [template % row for row in _rows(results, names, ("0", "1"), "")]

    return lines


def csv_header(sensors: tuple[str, ...]) -> str:
    r"""Return the header of `csv_lines`.

    >>> csv_header(("flow",))
    'time,score,threshold,alarm,sensor_1,contribution_1,drift\n'
    """
    shown = range(1, min(TOP_SENSORS, len(sensors)) + 1)
    pairs = [f"sensor_{number},contribution_{number}" for number in shown]
    return ",".join(["time,score,threshold,alarm", *pairs, "drift"]) + "\n"


def json_line(event: AlarmEvent | HealthEvent) -> str:
    """Return an event as a line of JSON."""
    return event_json(event) + "\n"


def machine_start(machine: str) -> str:
    """Return what lines of JSON begin with, where those of other machines may be among them.

    >>> machine_start("pump1")
    '{"machine": "pump1", '
    """
    return f'{{"machine": {json.dumps(machine, ensure_ascii=False)}, '


def event_json(event: AlarmEvent | HealthEvent) -> str:
    """Return an event as JSON, times in ISO 8601."""
    fields = to_json(event)
    times = {
        name.removesuffix("_s"): time_texts(np.array([fields.pop(name)]))[0]
        for name in ("time_s", "started_s")
        if name in fields
    }
    if isinstance(event, AlarmStarted | AlarmEnded):
        blamed = [_shortened({**to_json(one), "text": one.text()}) for one in event.blamed]
        fields |= {"sensors": list(event.sensors), "blamed": blamed}
    return json.dumps({"event": event.name, **times, **_shortened(fields)}, ensure_ascii=False)


def _shortened(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields with numbers of six digits, without those that are not known."""
    return {
        name: float(f"{value:.6g}") if isinstance(value, float) else value
        for name, value in fields.items()
        if value is not None
    }


def _rows(
    results: Results, names: npt.NDArray[np.object_], no_yes: tuple[str, str], unknown: str
) -> Iterable[tuple[object, ...]]:
    """Return the values for the templates, row by row, computed column by column."""
    alarms = [no_yes[alarm] for alarm in results.alarms.tolist()]
    drifts = [unknown if drift != drift else f"{drift:.4g}" for drift in results.drifts.tolist()]  # noqa: PLR0124 - NaN
    pairs = []
    for place in range(results.top.shape[1]):
        pairs += [names[results.top[:, place]].tolist(), results.top_contributions[:, place].tolist()]
    return zip(
        time_texts(results.times),
        results.scores.tolist(),
        results.thresholds.tolist(),
        alarms,
        *pairs,
        drifts,
        strict=True,
    )


def csv_cell(text: str) -> str:
    """Return a name as a cell; one that a spreadsheet would evaluate gets an apostrophe first.

    >>> csv_cell("=cmd|' /C calc'!A1"), csv_cell("flow")
    ("'=cmd|' /C calc'!A1", 'flow')
    """
    if text.lstrip()[:1] in ("=", "+", "-", "@") or text[:1] in ("\t", "\r"):
        text = "'" + text
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow([text])
    return buffer.getvalue()


class TextSink:
    """Writes lines to standard output or to a file that is rotated, and flushes them at once; alarms also to the disk.

    Parameters
    ----------
    path : str
        File, or ``-`` for standard output.
    form : Format
    header : str
        First line of each file.
    max_bytes, keep : int
        See `RotatedFile`.
    health_line : callable, optional
        Turns an event of the stream's health into a line; by default none is written.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """

    def __init__(  # noqa: PLR0913 - where, what and how much of it
        self,
        path: str,
        form: Format,
        header: str = "",
        max_bytes: int = 10_000_000,
        keep: int = 5,
        health_line: Callable[[HealthEvent], str] | None = None,
    ) -> None:
        self.name = "standard output" if path == "-" else path
        self._form, self._health_line = form, health_line
        try:
            self._file: StandardOutput | SpecialFile | RotatedFile
            if path == "-":
                self._file = StandardOutput(header.encode())
            elif is_special(Path(path)):
                self._file = SpecialFile(Path(path), header.encode())
            else:
                self._file = RotatedFile(Path(path), header.encode(), max_bytes, keep)
        except OSError as error:
            raise unwritable(Path(path), error) from error

    def write(self, results: Results) -> None:
        """See `Sink.write`."""
        content = "".join(self._form(results)).encode()
        if content:
            self._file.write(content)
        if results.events:
            self._file.sync()

    def health(self, health: Health) -> None:
        """Write the changes in the stream's health."""
        if self._health_line is not None and health.events:
            self._file.write("".join(map(self._health_line, health.events)).encode())

    def status(self, counters: Counters) -> None:
        """See `Sink.status`; lines are only results and events."""

    def close(self) -> None:
        """See `Sink.close`."""
        self._file.close()


class StandardOutput:
    """Standard output, unbuffered. Lines of several machines stay whole."""

    _lock = threading.Lock()

    def __init__(self, header: bytes) -> None:
        self._file = io.FileIO(sys.stdout.fileno(), "w", closefd=False)
        write_all(self._file, header)

    def write(self, content: bytes) -> None:
        """Write lines.

        Raises
        ------
        EndOfOutput
            If they no longer have a reader.
        OSError
            If they could not be written.
        """
        try:
            with self._lock:
                write_all(self._file, content)
        except BrokenPipeError as error:
            raise EndOfOutput from error

    def sync(self) -> None:
        """Wait for the disk, if it is redirected to a file."""
        with suppress(OSError):
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Leave it open: it belongs to the process."""
