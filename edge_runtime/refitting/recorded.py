"""Normal readings from a recording: cut, repaired and left out by the same intake as everywhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

from edge_runtime.common.counters import Counters
from edge_runtime.common.notices import Notices
from edge_runtime.model_file.manifest import DetectorSpec
from edge_runtime.refitting.normal_readings import NormalReadings, Shape
from edge_runtime.signal.cycle import Course, course_of, without_course, without_times
from edge_runtime.signal.intake import Intake, Off
from edge_runtime.signal.only_when import condition_of, model_condition
from edge_runtime.signal.readings import Readings
from edge_runtime.tables.table import Table
from edge_runtime.tables.table_readings import table_readings


class Normal(NamedTuple):
    """Normal readings of a machine.

    Parameters
    ----------
    readings : NormalReadings
    step_s : float
        Usual seconds from one to the next; NaN if unknown.
    """

    readings: NormalReadings
    step_s: float


def read_normal(  # noqa: PLR0913 - what is read, and how
    table: Table,
    spec: DetectorSpec,
    rows: slice,
    *,
    on_missing: str = "skip",
    only_when: str | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Normal:
    """Return the readings of a recording, in bounded memory.

    Parameters
    ----------
    table : Table
    spec : DetectorSpec
        Of the model.
    rows : slice
    on_missing : str
        See `edge_runtime.signal.missing`.
    only_when : str, optional
        Condition of readings that count; None follows the model file, empty all.
    tell : callable
        Called with a message, once per kind of problem with the readings.

    Raises
    ------
    RecordingError
        If a row cannot be read, or lacks a sensor, or the recording lacks times that the model needs.
    """
    if spec.cycles and table.header.time_column is None:
        raise without_times(table.name)
    condition = model_condition(spec) if only_when is None else condition_of(only_when, spec.sensor_names)
    intake = Intake(spec.sensor_names, on_missing, condition, Counters(), Notices(tell), place=table.place)
    blocks = (block.readings for block in table_readings(table, spec.sensor_names, rows=rows))
    readings = collected(blocks, intake, NormalReadings(Shape.of(spec.preprocessing)), course_of(spec))
    usual_s = intake.clock.usual_s
    return Normal(readings, usual_s if usual_s > 0 else math.nan)


def collected(
    blocks: Iterable[Readings], intake: Intake, normal: NormalReadings, course: Course | None = None
) -> NormalReadings:
    """Return `normal` after adding all readings that pass an intake, without a course."""
    follows = True
    for block in blocks:
        for piece in intake.push(block):
            if isinstance(piece, Off):
                follows = False
                continue
            rows = without_course(piece.rows.values, piece.rows.times, course)
            normal.add(rows, follows=piece.follows and follows)
            follows = True
        if intake.repair.refusal:
            raise intake.repair.refusal
    return normal
