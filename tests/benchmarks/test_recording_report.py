"""saelite report: a page on any recording, true to what score says of it."""

import csv
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from machines import SENSORS, pump_rows, write_csv

from benchmarks.detection import fault_rows, figures
from benchmarks.expected import expected_bands, expected_values, windows_at
from benchmarks.recording_report import recording_report
from benchmarks.report.html import render_report
from benchmarks.scored_recording import scored_recording
from edge_runtime import Detector
from edge_runtime.model_file.container import read_model_file
from edge_runtime.replay.recording_scores import ScoreRequest
from edge_runtime.signal.cycle import DAY_S, Course, Cycle
from edge_runtime.signal.windows import sliding_windows
from edge_runtime.streaming.alarm_settings import AlarmSettings
from edge_runtime.streaming.monitor_settings import MonitorSettings

CHROMIUM = shutil.which("chromium")
START = np.datetime64("2026-03-01T06:00:00")
FAULTS = {200: "leak", 400: "blockage"}


@pytest.fixture
def detector(model_path):
    return Detector.load(model_path)


def quiet_rows(detector, n):
    """Return readings at the point that the model finds the most normal, and some noise."""
    rows = pump_rows(400)
    window = detector.manifest.spec.preprocessing.window
    calm = rows[detector.score_many(np.repeat(rows[:, None], window, axis=1)).argmin()]
    noise = np.random.default_rng(0).normal(size=(n, len(calm))) * detector.manifest.spec.preprocessing.scale
    return (calm + 0.02 * noise).astype(np.float32)


def write_log(detector, folder, n=600, *, time="clock", labelled=True, faults=tuple(FAULTS), missing=()):
    rows = quiet_rows(detector, n)
    columns = {}
    if time:
        stamps = START + np.arange(n).astype("timedelta64[s]")
        columns["time"] = stamps if time == "clock" else np.arange(n)
    names = np.full(n, "", dtype="<U10")
    for start in faults:
        rows[start : start + 20, 1] += 100_000
        names[start : start + 20] = FAULTS.get(start, "fault")
    rows[list(missing), 0] = np.nan
    if labelled:
        columns |= {"fault": names, "anomaly": (names != "").astype(int)}
    return write_csv(folder / "log.csv", rows, **columns)


def request_of(rows=slice(None), label=None, **watched):
    return ScoreRequest(rows, label, monitor=MonitorSettings(drift=False, **watched))


def report_on(detector, model_path, log, **request):
    return recording_report(detector, read_model_file(model_path), log, request_of(**request), "pump")


def test_alarms_are_those_of_score(saelite, detector, model_path, tmp_path):
    log = write_log(detector, tmp_path)
    report = report_on(detector, model_path, log)
    assert saelite("score", model_path, log, "-o", "s.csv").returncode == 0
    with (tmp_path / "s.csv").open() as file:
        rows = list(csv.DictReader(file))
    alarms = np.array([row["alarm"] == "1" for row in rows])
    starts = np.flatnonzero(alarms & ~np.r_[False, alarms[:-1]])
    times = [(np.datetime64(rows[start]["time"]) - START).astype(float) - 2.0 for start in starts]
    assert [alarm.start_s for alarm in report.alarms] == times
    assert [alarm.during for alarm in report.alarms] == ["leak", "blockage"]
    assert report.watched_s == len(rows) - 1
    assert report.trace.epoch_s == (START + np.timedelta64(2, "s")).astype("datetime64[s]").astype(float)


def test_alarm_shows_the_readings_of_the_sensor_to_blame_and_what_was_expected(detector, model_path, tmp_path):
    (alarm, _) = report_on(detector, model_path, write_log(detector, tmp_path)).alarms
    assert alarm.blame[0][0] == "pressure"
    assert sum(share for _, share in alarm.blame) == pytest.approx(1.0)
    trace = alarm.traces[0]
    assert trace.sensor == "pressure"
    assert trace.seconds[0] < alarm.start_s < alarm.end_s < trace.seconds[-1]
    inside = (trace.seconds >= alarm.start_s) & (trace.seconds <= alarm.start_s + 10)
    assert (trace.values[inside] > trace.expected[inside] + trace.band).all()
    before = trace.seconds < alarm.start_s - 10
    assert (np.abs(trace.values - trace.expected)[before] <= trace.band).all()


def test_expected_values_and_bands_have_the_shape_of_readings(detector):
    rows = pump_rows(20)
    windows = windows_at(detector, rows)
    np.testing.assert_array_equal(windows[:, -1], rows)
    np.testing.assert_array_equal(windows[2:], sliding_windows(rows, 3))
    assert detector.expected_many(windows).shape == rows.shape
    rows[:2, 0] = rows[7, 1] = np.nan
    windows = windows_at(detector, rows)
    assert windows[0, 0, 0] == pytest.approx(detector.manifest.spec.preprocessing.center[0])
    assert windows[7, -1, 1] == rows[6, 1]
    assert expected_bands(detector).shape == (len(SENSORS),)
    assert (expected_bands(detector) > 0).all()


def test_expected_values_are_with_what_is_usual_at_the_time_of_day(detector, model_path):
    rows, times = pump_rows(48), 1_767_225_600.0 + 1_800.0 * np.arange(48)
    np.testing.assert_array_equal(
        expected_values(detector, rows, times), detector.expected_many(windows_at(detector, rows))
    )
    cycle = Cycle(DAY_S, tuple((float(hour), 100.0 * hour, 0.0, 0.0) for hour in range(24)))
    spec = detector.spec._replace(cycles=(cycle,))
    model = read_model_file(model_path)
    following = Detector(replace(model, manifest=replace(model.manifest, spec=spec)), detector.runtime)
    usual = Course([cycle]).at(times)
    found = expected_values(following, rows + usual, times)
    np.testing.assert_allclose(found, expected_values(detector, rows, times) + usual, rtol=1e-3)


def test_labels_give_figures_and_faults_their_delay(detector, tmp_path):
    scored = scored_recording(detector, write_log(detector, tmp_path), request_of())
    found = figures(scored)
    assert found.n_anomalous == 40
    assert found.roc_auc > 0.9
    assert [row.fault for row in fault_rows(scored)] == ["leak", "blockage"]
    assert all(row.delay_s is not None and row.delay_s < 10 for row in fault_rows(scored))
    assert all(row.blame[0][0] == "pressure" for row in fault_rows(scored))


@pytest.mark.parametrize("time", ["clock", "seconds", ""])
@pytest.mark.parametrize("labelled", [True, False])
def test_page_tells_what_there_is_and_no_more(detector, model_path, tmp_path, time, labelled):
    log = write_log(detector, tmp_path, time=time, labelled=labelled, missing=(300,))
    page = render_report(report_on(detector, model_path, log, on_missing="hold")).replace("\N{NO-BREAK SPACE}", " ")
    assert ("a week)" in page) == bool(time)
    assert ("2026-03-01 06:03" in page) == (time == "clock")
    assert ("row 2" in page) == (not time)
    assert ("false-alarm rate" in page) == labelled
    assert page.count('<h3 id="alarm-') == 2


@pytest.mark.parametrize(("n_faults", "shown"), [(0, 0), (30, 24)])
def test_quiet_recording_and_one_full_of_alarms(detector, model_path, tmp_path, n_faults, shown):
    log = write_log(detector, tmp_path, n=3000, faults=tuple(range(60, 60 + 90 * n_faults, 90)), labelled=False)
    report = report_on(detector, model_path, log)
    assert len(report.alarms) == n_faults
    page = render_report(report)
    assert page.count('<h3 id="alarm-') == shown
    assert ("Shown are the 24 highest of 30 alarms" in page) == (n_faults == 30)
    assert len(page.encode()) < 800_000


def test_alarm_that_lasts_at_the_end_ends_there(detector, model_path, tmp_path):
    (alarm,) = report_on(detector, model_path, write_log(detector, tmp_path, n=410, faults=(400,))).alarms
    assert alarm.end_s == 409 - 2


def test_very_long_alarm_is_drawn_in_part_and_it_says_so(detector, model_path, tmp_path):
    log = write_log(detector, tmp_path, n=9000, faults=(100,), labelled=False)
    settings = AlarmSettings(min_duration_s=8000)
    report = report_on(detector, model_path, log, alarm=settings)
    assert report.alarms[0].is_cut
    assert "only its beginning is drawn" in render_report(report)


def test_arrays_without_a_time_have_their_page_too(detector, model_path, tmp_path):
    rows = quiet_rows(detector, 300)
    rows[200:220, 1] += 100_000
    np.savez(tmp_path / "log.npz", values=rows, sensors=np.array(SENSORS))
    report = report_on(detector, model_path, tmp_path / "log.npz")
    (alarm,) = report.alarms
    assert 200 <= alarm.start_s < 220
    assert report.watched_s == 0
    assert "1 alarm." in render_report(report)


def test_command_writes_one_page_and_prints_the_verdict(saelite, detector, model_path, tmp_path):
    write_log(detector, tmp_path)
    result = saelite("report", model_path, "log.csv", "-o", "report.html", "--rows", "25%:")
    assert result.returncode == 0, result.stderr
    assert "2 alarms in 7.5 minutes" in result.stdout
    assert "report.html" in result.stdout
    assert "<title>pump: log.csv" in (tmp_path / "report.html").read_text()
    result = saelite("report", model_path, "-", "-o", "report.html")
    assert (result.returncode, "reads its recording twice" in result.stderr) == (2, True)


def in_browser(page: Path, script: str) -> str:
    """Return the page's text after a script ran in it."""
    acting = page.with_name("acting.html")
    acting.write_text(page.read_text().replace("</body>", f"<script>{script}</script></body>"))
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             f"--user-data-dir={page.parent / 'profile'}", "--virtual-time-budget=3000", "--dump-dom"]  # fmt: skip
    command = [CHROMIUM, *flags, acting.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_charts_zoom_together_and_never_beyond_the_recording(detector, model_path, tmp_path):
    page = tmp_path / "report.html"
    page.write_text(render_report(report_on(detector, model_path, write_log(detector, tmp_path))))
    script = """
      const press = (figure, name) => figure.querySelector(`button[title="${name}"]`).click();
      const [score, alarm] = document.querySelectorAll("figure.charts");
      press(score, "zoom in"); press(score, "zoom in"); press(score, "later"); press(score, "later");
      for (let i = 0; i < 9; ++i) press(score, "later");
      press(alarm, "zoom in"); press(alarm, "zoom out"); press(alarm, "zoom out");
    """
    shown = in_browser(page, script)
    boxes = re.findall(r'data-group="([^"]+)".*?viewBox="([^"]+)"', shown)
    assert dict(boxes)["score"] == "7500 0 2500 1000"
    assert {box for group, box in boxes if group == "alarm-1"} == {"0 0 10000 1000"}
    ticks = re.findall(r'<div class="across">(.*?)</div>', shown)
    assert "06:0" in ticks[0]
    assert ticks[0] != re.findall(r'<div class="across">(.*?)</div>', page.read_text())[0]
