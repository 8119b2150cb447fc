"""The report of a training: what it says of normal windows, and when they were."""

import re
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.report.html import render_report
from benchmarks.report.learnt_sections import codes_table, silent_codes
from benchmarks.report.report_model import LearntShown
from benchmarks.report.traces import alarms_above
from benchmarks.training_report import training_report


@pytest.fixture
def report_of(trained, tmp_path):
    """Return the report of the pump's run folder with some of it changed."""

    def make(rate_hz=0.0, **record):
        folder, spec = trained.folder, trained.folder.spec
        spec = spec._replace(preprocessing=replace(spec.preprocessing, rate_hz=rate_hz))
        changed = replace(folder, spec=spec, training={**folder.training, **record})
        replace(trained, folder=changed).save(tmp_path / "run")
        return training_report(tmp_path / "run")

    return make


def test_windows_stand_at_the_time_of_their_last_reading(report_of):
    trace = report_of(rate_hz=4.0).trace
    assert trace.has_time
    # A window of three readings ends 0.75 s after the first one began.
    assert trace.seconds[:3].tolist() == [0.75, 1.0, 1.25]


def test_without_a_time_column_windows_are_counted(report_of):
    report = report_of()
    assert not report.trace.has_time
    assert report.trace.seconds[:3].tolist() == [0.0, 1.0, 2.0]
    page = render_report(report)
    assert "time [" not in page


def test_stretches_of_windows_have_no_time(report_of):
    report = report_of(rate_hz=4.0, rows=10**6, held_out_windows_there_were=10**6)
    assert not report.trace.has_time
    assert "1,998 normal windows of 1,000,000 rows" in report.recording


def test_expected_false_alarms_stand_beside_those_of_the_windows_it_was_fitted_on(report_of):
    report = report_of()
    assert report.figures.n_windows == len(report.trace.scores)
    assert report.figures.far == pytest.approx((report.trace.scores > report.trace.threshold).mean())
    expected = float(re.search(r"; ([\d.]+)% are expected above the threshold", report.recording)[1])
    assert 0 < expected < 10


def test_alarms_without_a_time_are_told_by_window(report_of):
    report = report_of()
    scores = np.array(report.trace.scores)
    scores[10:14] = 10 * report.trace.threshold
    trace = replace(report.trace, scores=scores)
    page = render_report(replace(report, trace=trace, alarms=alarms_above(trace)))
    assert "window 10" in page
    assert "window 13" in page
    assert "4 windows" in page


def learnt(firing):
    firing = np.array(firing)
    return LearntShown(firing / 2, firing, (("flow", 0.25),), ())


def test_silent_codes_are_counted_and_long_tables_say_what_they_leave_out():
    assert silent_codes(learnt([0.5, 0.0, 0.0])) == "2 of the 3 codes never fire."
    assert silent_codes(learnt([0.5, 0.1])) == "All 2 codes fire at least sometimes."
    assert codes_table(learnt([0.5] * 3)).title == "Codes"
    assert codes_table(learnt([0.5] * 40)).title == "Codes: the 24 busiest of 40"
