"""From results to what a history keeps of them: one recorder per machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.history.buckets import STEPS, Buckets, Decimator, of_results
from edge_runtime.history.captures import AlarmCapture, ExcerptCapture, Rows, stretches
from edge_runtime.history.database import log_bytes
from edge_runtime.history.records import ModelChange
from edge_runtime.history.retention import excerpt_bytes
from edge_runtime.history.schema import bucket_table
from edge_runtime.history.writing import Work, Writer
from edge_runtime.model_file.json_codec import to_json
from edge_runtime.streaming.alarm_events import AlarmEnded, AlarmEvent, AlarmStarted
from edge_runtime.streaming.blame import Blamed
from edge_runtime.streaming.results import Results

_MOST_EXCERPTS, _LEAST_EXCERPTS, _FEWEST_EXCERPTS = 2000, 16, 4
_BLOB_BYTES = 100
_BUCKET_COPIES = 3
_SEEN = "UPDATE alarm SET peak = MAX(peak, ?), seen_s = ? WHERE id = ?"
_MODEL = """INSERT INTO model (machine, lived_s, at_s, sha256, name, version, parent) VALUES (?, ?, ?, ?, ?, ?, ?)"""


@dataclass
class _Standing:
    """The alarm that lasts.

    Parameters
    ----------
    started : AlarmStarted or None
        None if it began before this process.
    id : int or None
        Its number, once it is written.
    """

    started: AlarmStarted | None
    id: int | None = None


class Recorder:
    """Records one machine.

    Parameters
    ----------
    writer : Writer
    machine : str
    sensors : tuple of str
    """

    def __init__(self, writer: Writer, machine: str, sensors: tuple[str, ...]) -> None:
        self._writer, self._machine, self._sensors = writer, machine, sensors
        most_bytes = log_bytes(writer.keep) // 4
        self._decimator = Decimator(len(sensors), most_bytes)
        self._around = AlarmCapture(len(sensors), most_bytes)
        self._excerpts = ExcerptCapture(len(sensors), int(excerpt_bytes(writer.keep)) // _LEAST_EXCERPTS)
        self._open: dict[int, int] = {}
        self._alarm = _Standing(None)
        self._peak = float("-inf")
        self._seen_s: float | None = None
        self._is_new = True

    def add(self, parts: Sequence[Results]) -> None:
        """Take successive results; only the last of them may have events."""
        last = parts[-1]
        numbers, times, scores, thresholds, alarms, values = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("numbers", "times", "scores", "thresholds", "alarms", "values")
        )
        rows = Rows(numbers, times, values, alarms)
        if rows.size:
            self._decimator.add(of_results(times, scores, thresholds, alarms, values))
            self._keep_excerpts(self._excerpts.add(rows, self._writer.clocks.steady_s()))
        done = 0
        for event, row in zip(last.events, last.event_rows, strict=True):
            end = rows.size - len(last) + row + 1
            self._keep_around(self._around.add(rows.part(slice(done, end))))
            done = max(done, end)
            self._take_event(event, has_result=row >= 0)
        self._keep_around(self._around.add(rows.part(slice(done, None))))
        self._follow_alarm(rows, scores)

    def flush(self) -> None:
        """Hand what has come together to the writer."""
        for step in STEPS:
            closed, still_open = self._decimator.take(step)
            write = partial(self._write_buckets, step=step, closed=closed, still_open=still_open)
            self._writer.add(Work(write, size=_BUCKET_COPIES * closed.sensor_lowest.nbytes))
        if self._alarm.id is not None and self._seen_s is not None:
            seen = (self._peak, self._seen_s, self._alarm.id)
            self._writer.add(Work(partial(_write, statement=_SEEN, values=seen)))
            self._seen_s = None

    def note_model(self, change: ModelChange) -> None:
        """Keep that a model came into use, unless it was the last one."""
        self._writer.add(Work(partial(self._write_model, change=change), lasting=True))

    def end(self) -> None:
        """Keep what waits, at the end of the stream."""
        self._keep_around(self._around.flush())
        self._keep_excerpts(self._excerpts.flush())
        self.flush()

    def _take_event(self, event: AlarmEvent, *, has_result: bool) -> None:
        """Keep an event; a start without a result is announced again, see `Sinks.announce_again`."""
        if isinstance(event, AlarmStarted):
            standing = self._alarm = _Standing(event)
            self._peak, self._seen_s = event.score, event.time_s
            noted_s = self._writer.clocks.wall_s()
            write = self._write_start if has_result else self._write_start_again
            start = partial(write, standing=standing, event=event, noted_s=noted_s)
            self._writer.add(Work(start, lasting=True))
            self._keep_around(self._around.start())
        else:
            standing, noted_s = self._alarm, self._writer.clocks.wall_s()
            self._keep_around(self._around.end())
            end = partial(self._write_end, standing=standing, event=event, noted_s=noted_s)
            self._writer.add(Work(end, lasting=True))
        self._is_new = self._is_new and not has_result

    def _follow_alarm(self, rows: Rows, scores: FloatArray) -> None:
        if not rows.size:
            return
        if self._is_new and not rows.alarms[0]:
            # The process before this one ended in an alarm that this one does not know.
            self._writer.add(Work(self._close_old, lasting=True))
        self._is_new = False
        if rows.alarms[-1]:
            self._peak, self._seen_s = max(self._peak, float(scores[rows.alarms].max())), float(rows.times[-1])

    def _keep_around(self, parts: list[Rows]) -> None:
        standing = self._alarm
        for part in (stretch for rows in parts for stretch in stretches(rows)):
            write = partial(self._write_around, standing=standing, part=part)
            self._writer.add(Work(write, size=part.values.nbytes))

    def _keep_excerpts(self, parts: list[Rows]) -> None:
        for part in parts:
            self._writer.add(Work(partial(self._write_excerpt, part=part), size=part.values.nbytes))

    def _write_buckets(self, writer: Writer, step: int, closed: Buckets, still_open: Buckets) -> None:
        stream, table, lived_s = writer.stream(self._machine, self._sensors), bucket_table(step), writer.lived_s
        rows = [*_bucket_rows(closed), *_bucket_rows(still_open)]
        if not rows:
            return
        number = self._open.pop(step, None)
        update = f"""UPDATE {table} SET count = ?2, alarms = ?3, lowest = ?4, mean = ?5, highest = ?6, threshold = ?7,
            sensors = ?8 WHERE id = ?9 AND stream = ?10 AND start_s = ?1"""  # noqa: S608
        if number is not None and writer.connection.execute(update, (*rows[0], number, stream)).rowcount:
            rows = rows[1:]
        insert = f"""INSERT INTO {table} (stream, lived_s, start_s, count, alarms, lowest, mean, highest, threshold,
            sensors) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""  # noqa: S608
        for row in rows:
            number = writer.connection.execute(insert, (stream, lived_s, *row)).lastrowid
        if still_open.size and number is not None:
            self._open[step] = number

    def _write_start(self, writer: Writer, standing: _Standing, event: AlarmStarted, noted_s: float) -> None:
        self._close_old(writer)
        standing.id = writer.connection.execute(
            """INSERT INTO alarm (stream, lived_s, started_s, noted_s, seen_s, peak, threshold, blamed)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                writer.stream(self._machine, self._sensors), writer.lived_s, event.time_s, noted_s, event.time_s,
                event.score, event.threshold, _blamed_json(event.blamed),
            ),
        ).lastrowid  # fmt: skip

    def _write_start_again(self, writer: Writer, standing: _Standing, event: AlarmStarted, noted_s: float) -> None:
        # Only here does the same time mean the same alarm: a clock that stands still gives it to many.
        standing.id = self._number_of(writer, event.time_s)
        if standing.id is None:
            self._write_start(writer, standing, event, noted_s)

    def _write_end(self, writer: Writer, standing: _Standing, event: AlarmEnded, noted_s: float) -> None:
        number = self._number_of(writer, event.started_s)
        if number is None:
            # Its beginning was in another file, or in a process that kept no history.
            started = standing.started or AlarmStarted(event.started_s, event.peak_score, 1.0, event.blamed)
            self._write_start(writer, standing, started, noted_s)
            number = standing.id
        values = (event.time_s, event.time_s, event.peak_score, _blamed_json(event.blamed))
        update = "UPDATE alarm SET ended_s = ?, seen_s = ?, peak = ?, blamed = ? WHERE id = ? AND ended_s IS NULL"
        writer.connection.execute(update, (*values, number))
        # A stream that was killed resumes from a state that may be older than its history: it has ended this alarm
        # already then, and another one may stand open.
        self._close_old(writer)

    def _number_of(self, writer: Writer, started_s: float) -> int | None:
        """Return the number of the last alarm that started at a time of the readings."""
        row = writer.connection.execute(
            "SELECT alarm.id FROM alarm JOIN stream ON stream.id = stream WHERE machine = ? AND started_s = ? "
            "ORDER BY alarm.id DESC LIMIT 1", (self._machine, started_s),
        ).fetchone()  # fmt: skip
        return None if row is None else int(row[0])

    def _old_alarm(self, writer: Writer) -> int | None:
        row = writer.connection.execute(
            "SELECT alarm.id FROM alarm JOIN stream ON stream.id = stream WHERE machine = ? AND ended_s IS NULL "
            "ORDER BY alarm.id DESC LIMIT 1", (self._machine,),
        ).fetchone()  # fmt: skip
        return None if row is None else int(row[0])

    def _close_old(self, writer: Writer) -> None:
        """End the alarms of earlier processes where they were seen last."""
        writer.connection.execute(
            "UPDATE alarm SET ended_s = seen_s WHERE ended_s IS NULL AND stream IN "
            "(SELECT id FROM stream WHERE machine = ?)", (self._machine,),
        )  # fmt: skip

    def _write_around(self, writer: Writer, standing: _Standing, part: Rows) -> None:
        number = standing.id or self._old_alarm(writer)
        if number is not None:
            self._write_rows(writer, "around", part, number)

    def _write_excerpt(self, writer: Writer, part: Rows) -> None:
        self._write_rows(writer, "excerpt", part)
        self._thin_out(writer, part)

    def _write_rows(self, writer: Writer, table: str, part: Rows, *alarm: int) -> None:
        values = np.ascontiguousarray(part.values, np.float32)
        names = ", alarm" if alarm else ""
        writer.connection.execute(
            f"INSERT INTO {table} (stream, lived_s, time_s, step_s, rows, alarms{names}) "  # noqa: S608
            f"VALUES (?, ?, ?, ?, ?, ?{', ?' if alarm else ''})",
            (writer.stream(self._machine, self._sensors), writer.lived_s, float(part.times[0]), part.step_s,
             values.tobytes(), part.alarms.tobytes(), *alarm),
        )  # fmt: skip

    def _thin_out(self, writer: Writer, part: Rows) -> None:
        """Keep excerpts spread evenly: of too many the one goes whose neighbours are closest to each other."""
        streams = writer.connection.execute("SELECT COUNT(*) FROM stream").fetchone()[0]
        room = excerpt_bytes(writer.keep) / max(1, streams)
        most = int(min(max(_FEWEST_EXCERPTS, room / (part.values.nbytes + _BLOB_BYTES)), _MOST_EXCERPTS))
        stream = writer.stream(self._machine, self._sensors)
        rows = writer.connection.execute(
            "SELECT lived_s, id FROM excerpt WHERE stream = ? ORDER BY lived_s, id", (stream,)
        ).fetchall()
        for _ in range(len(rows) - most):
            ages = np.array([lived_s for lived_s, _ in rows])
            place = 1 + int(np.argmin(ages[2:] - ages[:-2]))
            writer.connection.execute("DELETE FROM excerpt WHERE id = ?", rows.pop(place)[1:])
        full = len(rows) >= most
        self._excerpts.pause_s = (rows[-1][0] - rows[0][0]) / (2 * most) if full else 0.0

    def _write_model(self, writer: Writer, change: ModelChange) -> None:
        last = writer.connection.execute(
            "SELECT sha256 FROM model WHERE machine = ? ORDER BY id DESC LIMIT 1", (self._machine,)
        ).fetchone()
        if last is None or last[0] != change.sha256:
            writer.stream(self._machine, self._sensors)
            values = (change.at_s, change.sha256, change.name, change.version, change.parent)
            _write(writer, _MODEL, (self._machine, writer.lived_s, *values))


def _write(writer: Writer, statement: str, values: tuple[object, ...]) -> None:
    writer.connection.execute(statement, values)


def _blamed_json(blamed: tuple[Blamed, ...]) -> str:
    """Return sensors as JSON; numbers that are not finite, which JSON does not have, as null."""
    fields = [
        {name: None if isinstance(value, float) and not np.isfinite(value) else value for name, value in one.items()}
        for one in to_json(blamed)
    ]
    return json.dumps(fields, ensure_ascii=False)


def _bucket_rows(buckets: Buckets) -> list[tuple[object, ...]]:
    counts = buckets.counts[:, None]
    means = buckets.sensor_totals / counts
    blobs = np.concatenate([buckets.sensor_lowest, means, buckets.sensor_highest], axis=1).astype(np.float32)
    return list(
        zip(
            buckets.starts.tolist(),
            buckets.counts.tolist(),
            buckets.alarms.tolist(),
            buckets.lowest.tolist(),
            (buckets.totals / buckets.counts).tolist(),
            buckets.highest.tolist(),
            (buckets.thresholds / buckets.counts).tolist(),
            [blob.tobytes() for blob in blobs],
            strict=True,
        )
    )
