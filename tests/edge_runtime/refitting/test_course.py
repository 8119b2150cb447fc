"""Readings that a device learns from are without the usual course of the day, which stays the maker's."""

from dataclasses import replace

import numpy as np
import pytest
from machines import SENSORS, pump_rows, write_csv
from sites import PATH, at_site, made

from edge_runtime.errors import IntegrityError, RecordingError
from edge_runtime.model_file.container import parse_model_file
from edge_runtime.model_file.lineage import check_lineage
from edge_runtime.refitting.journal import Journal
from edge_runtime.refitting.learner import Learner
from edge_runtime.refitting.normal_readings import Shape
from edge_runtime.refitting.recorded import read_normal
from edge_runtime.signal.cycle import DAY_S, Course, Cycle
from edge_runtime.signal.intake import Stretch
from edge_runtime.signal.missing import Rows
from edge_runtime.tables.open_table import open_table

CYCLE = Cycle(DAY_S, tuple((float(hour), 10.0 * hour, 0.0, 0.0) for hour in range(24)))


@pytest.fixture(scope="module")
def day():
    """Return a spec with a course, times and rows of a day, and what is left of the rows."""
    spec = parse_model_file(made("inputs"), PATH).manifest.spec._replace(cycles=(CYCLE,))
    times, rows = 1_767_225_600.0 + 300.0 * np.arange(288), pump_rows(288)
    return spec, times, rows, rows - Course([CYCLE]).at(times)


def test_those_of_a_recording(day, tmp_path):
    spec, times, rows, left = day
    path = write_csv(tmp_path / "r.csv", rows, SENSORS, time=times.astype("datetime64[s]"))
    with open_table(path) as table:
        (piece,) = read_normal(table, spec, slice(None)).readings.pieces()
    np.testing.assert_allclose(piece.values, left, rtol=1e-6, atol=1e-5)


def test_a_recording_without_times_is_refused(day, tmp_path):
    spec, _, rows, _ = day
    with (
        open_table(write_csv(tmp_path / "r.csv", rows, SENSORS)) as table,
        pytest.raises(RecordingError, match=r"r\.csv has no times, and the model takes the usual course"),
    ):
        read_normal(table, spec, slice(None))


def test_those_of_a_stream_and_of_its_file(day, tmp_path):
    spec, times, rows, left = day
    learner = Learner(tmp_path / "l", SENSORS, Shape.of(spec.preprocessing), DAY_S, Course([CYCLE]))
    learner.take(Stretch(Rows(np.arange(288), times, rows), follows=False))
    learner.save()
    (piece,) = learner.readings.pieces()
    np.testing.assert_array_equal(piece.values, left)
    np.testing.assert_array_equal(Journal(tmp_path / "l", SENSORS).read()[0].values, left)


def test_an_adapted_file_with_another_course_is_refused():
    model = at_site("inputs").model
    parent = parse_model_file(made("inputs"), PATH)
    check_lineage(model, parent, PATH)
    spec = model.manifest.spec._replace(cycles=(CYCLE,))
    with pytest.raises(IntegrityError, match="changes what a device may not change"):
        check_lineage(replace(model, manifest=replace(model.manifest, spec=spec)), parent, PATH)
