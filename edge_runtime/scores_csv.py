"""A recording through a detector into a CSV of scores, in bounded memory."""

from __future__ import annotations

import csv
import io
import itertools
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from edge_runtime.atomic import atomic_file
from edge_runtime.batch_scoring import ScoredRows, score_blocks
from edge_runtime.confusion import Confusion
from edge_runtime.detector import Detector
from edge_runtime.errors import RecordingError
from edge_runtime.judging import AdaptationSettings, Judge
from edge_runtime.missing import repair_missing
from edge_runtime.preprocessing import FloatArray
from edge_runtime.sources.clock import Clock
from edge_runtime.sources.open_table import open_table
from edge_runtime.sources.table import Table, is_anomalous

# Smoothing forgets: after so many spans what came before weighs less than 0.1 %.
_SETTLED_SPANS = 4


@dataclass(frozen=True)
class ScoreRequest:
    """What to score.

    Parameters
    ----------
    rows : slice
        Readings to give results for; the ones before them fill the window and settle the smoothing.
    label : str, optional
        Label column, for the figures.
    on_missing : str
        See `edge_runtime.missing`.
    explain : bool
        Add each sensor's contribution.
    adaptation : AdaptationSettings
    """

    rows: slice = field(default_factory=lambda: slice(None))
    label: str | None = None
    on_missing: str = "error"
    explain: bool = False
    adaptation: AdaptationSettings = field(default_factory=AdaptationSettings)


@dataclass
class Summary:
    """What came of it."""

    windows: int = 0
    anomalies: int = 0
    repaired: int = 0
    breaks: int = 0
    confusion: Confusion = field(default_factory=Confusion)
    labelled: bool = False
    streaming_threshold: str = ""

    def text(self) -> str:
        """Return one line for people."""
        line = f"{self.windows} windows scored, {self.anomalies} anomalous"
        if self.repaired:
            line += f", {self.repaired} row(s) with missing values repaired"
        if self.breaks:
            line += f", time is missing or goes back before {self.breaks} row(s)"
        if self.labelled:
            line += f"; {self.confusion.text()}"
        if self.streaming_threshold:
            line += f"; {self.streaming_threshold}"
        return line


@dataclass(frozen=True)
class _Rows:
    """Consecutive rows with their row numbers and texts."""

    values: FloatArray
    numbers: npt.NDArray[np.int64]
    texts: list[list[str]]
    follows_break: bool = False

    def split(self, breaks: Iterable[int]) -> Iterator[_Rows]:
        """Yield the rows before, between and after breaks."""
        starts = [int(row) for row in breaks]
        edges = [*([0] if 0 not in starts else []), *starts, len(self.numbers)]
        for start, stop in itertools.pairwise(edges):
            chosen = slice(start, stop)
            yield _Rows(self.values[chosen], self.numbers[chosen], self.texts[chosen], start in starts)


def score_recording(detector: Detector, recording: str, output: str, request: ScoreRequest) -> Summary:
    """Write row, time, score and anomaly of every window of a recording.

    Parameters
    ----------
    recording, output : str
        Files; ``-`` is standard input or output, as CSV. See `edge_runtime.sources.open_table`.

    Raises
    ------
    RecordingError
        If the recording cannot be read, lacks a sensor of the model, or has no row to score.
    OutputError
        If the output cannot be written; then nothing is left behind.
    """
    summary = Summary()
    judge = Judge.of(detector, request.adaptation)
    with open_table(recording) as table:
        _check_sensors(table, detector)
        label = request.label or table.header.label_column
        summary.labelled = label is not None
        time = table.header.time_column
        with _output(output) as file:
            contributions = [f"contribution_{name}" for name in detector.sensor_names] if request.explain else []
            heading = ["row", *([time] if time else []), "score", "anomaly", *contributions]
            csv.writer(file, lineterminator="\n").writerow(heading)
            blocks = _rows(detector, table, request, label, summary)
            for rows, scored in _scored(detector, judge, blocks, request):
                _write(file, rows, scored, has_time=time is not None)
                _count(summary, rows, scored)
            if not summary.windows:
                raise _nothing_to_score(table.name, detector, request)
    if judge.spot is not None:
        summary.streaming_threshold = judge.spot.text()
    return summary


def _scored(
    detector: Detector, judge: Judge, blocks: Iterable[_Rows | None], request: ScoreRequest
) -> Iterator[tuple[_Rows, ScoredRows]]:
    """Yield the windows asked for, each with the row it ends at."""
    fed: list[_Rows] = []

    def values() -> Iterator[FloatArray | None]:
        for block in blocks:
            if block is not None:
                fed.append(block)
            yield None if block is None else block.values

    before = 0
    for scored in score_blocks(judge, values(), detector.explain_many if request.explain else None):
        block = fed.pop()
        ends = scored.rows - before
        before += len(block.values)
        wanted = block.numbers[ends] >= (request.rows.start or 0)
        chosen = ends[wanted]
        texts = [block.texts[position] for position in chosen] if block.texts else []
        contributions = None if scored.contributions is None else scored.contributions[wanted]
        yield (
            _Rows(block.values[chosen], block.numbers[chosen], texts),
            ScoredRows(chosen, scored.scores[wanted], scored.anomalies[wanted], contributions),
        )


def _rows(
    detector: Detector, table: Table, request: ScoreRequest, label: str | None, summary: Summary
) -> Iterator[_Rows | None]:
    """Yield the rows to feed, missing values repaired; None where time is missing."""
    spec = detector.manifest.spec
    context = spec.preprocessing.window + _SETTLED_SPANS * spec.scoring.smoothing_span * spec.preprocessing.stride
    start, stop = max(0, (request.rows.start or 0) - context), request.rows.stop
    texts = [name for name in (table.header.time_column, label) if name]
    position, last = 0, None
    clock = Clock()
    for block in table.blocks(detector.sensor_names, texts):
        numbers = np.arange(position, position + len(block.values))
        position += len(block.values)
        wanted = (numbers >= start) & (numbers < (stop if stop is not None else position))
        if not wanted.any():
            continue
        chosen = [list(text) for text, keep in zip(zip(*block.texts, strict=True), wanted, strict=False) if keep]
        rows, count = _repaired(
            _Rows(block.values[wanted], numbers[wanted], chosen), request.on_missing, detector, last
        )
        summary.repaired += count
        last = rows.values[-1] if len(rows.values) else last
        breaks = clock.breaks([text[0] for text in rows.texts]) if table.header.time_column else ()
        summary.breaks += len(breaks)
        for piece in rows.split(breaks):
            yield from (None, piece) if piece.follows_break else (piece,)
        if stop is not None and position >= stop:
            return


def _repaired(rows: _Rows, policy: str, detector: Detector, last: FloatArray | None) -> tuple[_Rows, int]:
    first_row = int(rows.numbers[0])
    values, count = repair_missing(rows.values, policy, detector.sensor_names, first_row=first_row, last=last)
    kept = np.isfinite(rows.values).all(axis=1) if policy == "skip" else np.ones(len(rows.values), bool)
    return _Rows(
        values, rows.numbers[kept], [text for text, keep in zip(rows.texts, kept, strict=False) if keep]
    ), count


def _write(file: IO[str], rows: _Rows, scored: ScoredRows, *, has_time: bool) -> None:
    numbers = rows.numbers.tolist()
    times = _cells([text[0] for text in rows.texts]) if has_time else [""] * len(numbers)
    blame = [""] * len(numbers)
    if scored.contributions is not None:
        blame = ["".join(f",{value:.4g}" for value in row) for row in scored.contributions.tolist()]
    # One text for the whole block: a csv.writer would take as long as reading and scoring together.
    file.write(
        "".join(
            f"{number}{time},{score:.6g},{anomaly:d}{contributions}\n"
            for number, time, score, anomaly, contributions in zip(
                numbers, times, scored.scores.tolist(), scored.anomalies.tolist(), blame, strict=True
            )
        )
    )


def _cells(texts: list[str]) -> list[str]:
    """Return texts as cells after the first of a line, quoted where one of them has to be.

    >>> _cells(["12:00", "12:01"]), _cells(["1,5", "2"]), _cells(["=1+1"])
    ([',12:00', ',12:01'], [',"1,5"', ',"2"'], [",'=1+1"])
    """
    # A spreadsheet would compute such a cell.
    texts = [f"'{text}" if text.lstrip().startswith(("=", "@")) else text for text in texts]
    together = "".join(texts)
    if not any(mark in together for mark in ',"\r\n'):
        return [f",{text}" for text in texts]
    return [',"' + text.replace('"', '""') + '"' for text in texts]


def _count(summary: Summary, rows: _Rows, scored: ScoredRows) -> None:
    summary.windows += len(scored.scores)
    summary.anomalies += int(scored.anomalies.sum())
    if summary.labelled:
        labels = np.array([is_anomalous(text[-1]) for text in rows.texts], bool)
        summary.confusion.add(labels, scored.anomalies)


def _check_sensors(table: Table, detector: Detector) -> None:
    missing = [name for name in detector.sensor_names if name not in table.header.names]
    if missing:
        raise RecordingError(
            f"{table.name} lacks {len(missing)} of the model's {len(detector.sensor_names)} sensors: "
            f"{', '.join(missing)}. Columns there: {', '.join(table.header.names)}. "
            "Columns are found by name, in any order."
        )


def _nothing_to_score(name: str, detector: Detector, request: ScoreRequest) -> RecordingError:
    window = detector.manifest.spec.preprocessing.window
    chosen = "" if request.rows == slice(None) else " in the rows asked for"
    return RecordingError(
        f"{name} has no complete window to score{chosen}. Expected at least {window} row(s) of readings."
    )


@contextmanager
def _output(path: str) -> Iterator[IO[str]]:
    if path == "-":
        yield sys.stdout
        sys.stdout.flush()
        return
    with atomic_file(Path(path)) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        yield text
        text.flush()
        text.detach()
