"""A recording through a detector into a CSV of scores, in bounded memory."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from edge_runtime.common.atomic import atomic_file
from edge_runtime.inference.detector import Detector
from edge_runtime.replay.recording_scores import RecordingScores, ScoredRows, ScoreRequest, ScoreSummary
from edge_runtime.streaming.blame import SensorFacts, explanation
from edge_runtime.streaming.results import Results
from edge_runtime.tables.open_table import open_table


def score_recording(
    detector: Detector,
    recording: str,
    output: str,
    request: ScoreRequest,
    tell: Callable[[str], None] = lambda _: None,
) -> ScoreSummary:
    """Write row, time, score, anomaly and alarm of every window of a recording.

    Parameters
    ----------
    recording, output : str
        Files; ``-`` is standard input or output, as CSV. See `edge_runtime.tables.open_table`.
    tell : callable
        Called with a message, once per kind of problem with the readings.

    Raises
    ------
    RecordingError
        If the recording cannot be read, lacks a sensor of the model, or has no row to score.
    OutputError
        If the output cannot be written; then nothing is left behind.
    """
    with open_table(recording) as table:
        scores = RecordingScores(detector, table, request, tell)
        time = table.header.time_column
        explained = request.monitor.explain != "never"
        names = detector.sensor_names if explained else ()
        columns = [f"{kind}_{name}" for kind in ("contribution", "expected") for name in names]
        facts = SensorFacts.of(detector) if explained else None
        with _output(output) as file:
            heading = [
                "row",
                *([time] if time else []),
                "score",
                "anomaly",
                "alarm",
                *columns,
                *(["explanation"] if explained else []),
            ]
            csv.writer(file, lineterminator="\n").writerow(heading)
            for block in scores.blocks():
                _write(file, block, facts)
    return scores.summary


def _write(file: IO[str], block: ScoredRows, facts: SensorFacts | None) -> None:
    numbers, results = block.numbers.tolist(), block.results
    times = _cells(block.time_texts) if block.time_texts else [""] * len(numbers)
    blame = [""] * len(numbers) if facts is None else _explained(results, facts)
    said = (results.scores.tolist(), results.anomalies.tolist(), results.alarms.tolist())
    # One text for the whole block: a csv.writer would take as long as reading and scoring together.
    file.write(
        "".join(
            f"{number}{time},{score:.6g},{anomaly:d},{alarm:d}{explained}\n"
            for number, time, score, anomaly, alarm, explained in zip(numbers, times, *said, blame, strict=True)
        )
    )


def _explained(results: Results, facts: SensorFacts) -> list[str]:
    """Return the cells that explain each score: contributions, expected values, and words if it is anomalous."""
    rows = zip(results.contributions.tolist(), results.levels.tolist(), results.expected.tolist(), strict=True)
    is_anomalous, lines = results.anomalies.tolist(), []
    texts = _cells([explanation(facts.blamed(*row)) if is_anomalous[at] else "" for at, row in enumerate(rows)])
    for contributions, expected, text in zip(
        results.contributions.tolist(), results.expected.tolist(), texts, strict=True
    ):
        lines.append("".join(f",{value:.6g}" for value in (*contributions, *expected)) + text)
    return lines


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
