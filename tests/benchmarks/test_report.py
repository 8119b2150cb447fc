"""The report: a page that stands alone, and tables for the terminal."""

from __future__ import annotations

import dataclasses
import io
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from rich.console import Console

from benchmarks.report import formats
from benchmarks.report.console import print_report
from benchmarks.report.html import render_report, write_report
from benchmarks.report.report_model import (
    Alarm,
    EpochShown,
    FaultRow,
    Figures,
    FileSize,
    LatencyRow,
    Report,
    ScoreTrace,
    SensorTrace,
)
from benchmarks.report.report_tables import alarms_table
from benchmarks.report.score_chart import score_chart
from benchmarks.report.sections import sections
from benchmarks.report.time_axis import TimeAxis
from benchmarks.report.traces import alarms_above, fault_spans
from benchmarks.report.zoom_chart import thinned
from edge_runtime.errors import MissingExtraError, OutputError

KINDS = ("bearing wear", "valve stuck", "leak", "sensor spike", "cavitation", "load imbalance")
SENSORS = ("pressure", "flow", "current", "voltage", "vibration_x", "vibration_y", "temperature_motor", "level", "rpm")
N_WINDOWS, THRESHOLD = 6000, 3.2


def example_report(*, missed: str = "leak") -> Report:
    """Return 100 minutes of a pump: twelve faults of six kinds, the second `missed` one never alarms."""
    trace = _trace(missed)
    labels = np.asarray(trace.labels)
    return Report(
        title="pump",
        recording="pump_2026.csv",
        figures=Figures(
            roc_auc=0.983,
            f1=0.912,
            far=float(trace.anomalies[~labels].mean()),
            mar=float((~trace.anomalies[labels]).mean()),
            n_windows=N_WINDOWS,
            n_anomalous=int(labels.sum()),
        ),
        trace=trace,
        faults=_faults(trace),
        history=tuple(_epoch(epoch) for epoch in range(1, 61)),
        normal_scores=np.random.default_rng(1).lognormal(0, 0.35, 2000),
        latency=(
            LatencyRow("int8 on ai-edge-litert", 7.1, 11.4, "one thread"),
            LatencyRow("Keras predict", 67_000, 91_000),
            LatencyRow("Keras model(x)", 4_020, 5_300),
            LatencyRow("tf.function", 402, 640, "traced beforehand"),
        ),
        sizes=(
            FileSize("pump.tflite", 24_310, "all"),
            FileSize("float32", 97_240, "all"),
            FileSize("Keras", 1_402_000, "net"),
        ),
        facts=(("sensors", ", ".join(SENSORS)), ("window", "10 readings"), ("threshold", "0.999 quantile × 4/3")),
        rho=0.05,
        alarms=_alarms(trace),
        watched_s=N_WINDOWS - 1.0,
    )


def _alarms(trace: ScoreTrace) -> tuple[Alarm, ...]:
    """Return the stretches above the threshold, with the readings of the sensor to blame for the first."""
    names = np.asarray(trace.faults)
    seconds = np.arange(0.0, 500.0)
    shown = SensorTrace("flow", seconds, np.sin(seconds), np.zeros(500), 1.0)
    return tuple(
        dataclasses.replace(
            alarm,
            during=str(names[int(alarm.end_s)]),
            blame=(("flow", 0.6), ("level", 0.4)),
            traces=(shown,) if alarm.number == 1 else (),
        )
        for alarm in alarms_above(trace)
    )


def _trace(missed: str) -> ScoreTrace:
    rng = np.random.default_rng(0)
    seconds = np.arange(N_WINDOWS, dtype=np.float64)
    scores = np.exp(0.3 * np.sin(seconds / 200)) * rng.lognormal(0, 0.15, N_WINDOWS)
    faults = np.full(N_WINDOWS, "", dtype="<U20")
    for number, start in enumerate(range(900, 5700, 400)):
        kind = KINDS[number % len(KINDS)]
        faults[start : start + 60 + 10 * number] = kind
        if kind != missed or number < len(KINDS):
            scores[start + 8 : start + 60 + 10 * number] *= 4 + 30 * rng.random()
    scores[[400, 2300, 5800]] = 1.2 * THRESHOLD
    return ScoreTrace(seconds, scores, THRESHOLD, faults != "", tuple(faults.tolist()))


def _faults(trace: ScoreTrace) -> tuple[FaultRow, ...]:
    rng = np.random.default_rng(2)
    rows = []
    for span in fault_spans(trace):
        hit = np.flatnonzero(trace.anomalies[span.first : span.end])
        shares = np.sort(rng.dirichlet(np.full(len(SENSORS), 0.5)))[::-1]
        order = np.roll(SENSORS, KINDS.index(span.name)).tolist()
        blame = tuple(zip(order, shares.tolist(), strict=True))
        delay = float(hit[0]) if len(hit) else None
        rows.append(FaultRow(span.name, span.start_s, span.end_s - span.start_s, delay, blame))
    return tuple(rows)


def _epoch(epoch: int) -> EpochShown:
    loss = 0.02 + np.exp(-epoch / 8)
    return EpochShown(epoch, loss, loss * 1.1 + 0.002, 0.3 * np.exp(-epoch / 12), 0.05 + 0.4 * np.exp(-epoch / 10))


@pytest.fixture(scope="module")
def report() -> Report:
    return example_report()


@pytest.fixture(scope="module")
def page(report: Report) -> str:
    return render_report(report)


def anchors(report: Report) -> list[str]:
    return [section.anchor for section in sections(report)]


def terminal(report: Report, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    print_report(report, console)
    return console.file.getvalue().replace("\N{NO-BREAK SPACE}", " ")  # type: ignore[attr-defined, no-any-return]


def test_page_needs_nothing_from_elsewhere(page: str) -> None:
    without_namespaces = re.sub(r'xmlns(:\w+)?="[^"]*"', "", page)
    assert not re.search(
        r"https?://|\bsrc=|<script(?!>)|@import|<link(?! rel=\"icon\" href=\"data:)", without_namespaces
    )


def test_page_stays_small_for_6000_windows(page: str) -> None:
    assert len(page.encode()) < 300_000


def test_equal_reports_give_equal_pages(page: str) -> None:
    assert render_report(example_report()) == page


def test_element_ids_are_unique_and_every_reference_is_met(page: str) -> None:
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', page)) <= set(ids)


def test_every_plot_is_valid_xml_and_says_what_it_shows(page: str) -> None:
    plots = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(plots) == 6
    for plot in plots:
        assert ET.fromstring(plot).get("aria-label")  # noqa: S314 - our own text


def test_verdict_answers_first(page: str) -> None:
    text = page.replace("\N{NO-BREAK SPACE}", " ")
    assert "The detector alarmed in 11 of 12 labelled faults, with a median delay of 8 s." in text
    assert (
        "One window takes 7.1 µs; the fastest alternative, tf.function (traced beforehand), takes 56.6× that time."
        in text
    )


def test_a_missed_fault_and_a_false_alarm_are_named(page: str) -> None:
    text = page.replace("\N{NO-BREAK SPACE}", " ")
    assert len(re.findall(r'<td class="number"[^>]*>no alarm</td>', text)) == 1
    assert re.search("<td[^>]*>no fault</td>", text)


def test_sections_stand_in_reading_order(report: Report) -> None:
    assert anchors(report) == [
        "detection",
        "alarms",
        "sensors",
        "blame",
        "scores",
        "speed",
        "sizes",
        "training",
        "model",
    ]


@pytest.mark.parametrize(
    ("changes", "dropped"),
    [
        ({"history": ()}, {"training"}),
        ({"faults": ()}, {"blame"}),
        ({"latency": ()}, {"speed"}),
        ({"sizes": ()}, {"sizes"}),
        ({"facts": ()}, {"model"}),
        ({"figures": Figures(None, None, None, None, N_WINDOWS, 0)}, {"detection"}),
        ({"alarms": ()}, {"sensors"}),
    ],
)
def test_an_empty_part_drops_its_section(report: Report, changes: dict[str, object], dropped: set[str]) -> None:
    lean = dataclasses.replace(report, **changes)  # type: ignore[arg-type]
    assert set(anchors(report)) - set(anchors(lean)) == dropped


def test_recording_without_labels_tells_how_often_it_alarmed(report: Report) -> None:
    trace = dataclasses.replace(report.trace, labels=None, faults=None)
    nothing = Figures(None, None, None, None, N_WINDOWS, 0)
    unlabelled = dataclasses.replace(report, trace=trace, faults=(), figures=nothing)
    text = render_report(unlabelled).replace("\N{NO-BREAK SPACE}", " ")
    assert re.search(r"The recording has no labels; [\d.]+ % of its 6,000 windows are above the threshold.", text)
    assert "no fault" not in text


def test_recording_without_anomalies(report: Report) -> None:
    quiet = ScoreTrace(np.arange(50.0), np.ones(50), THRESHOLD, np.zeros(50, bool), ("",) * 50)
    figures = Figures(None, None, 0.0, None, 50, 0)
    calm = dataclasses.replace(report, trace=quiet, faults=(), figures=figures, alarms=())
    text = render_report(calm).replace("\N{NO-BREAK SPACE}", " ")
    assert "0 % of the 50 normal windows are false alarms." in text
    assert "anomalous, this recording" not in text


def test_one_window_and_nothing_else() -> None:
    trace = ScoreTrace(np.array([9.0]), np.array([1.5]), 1.0, None, None)
    figures = Figures(None, None, None, None, 1, 0)
    alone = Report("pump", "one.csv", figures, trace, (), (), np.empty(0), (), (), ())
    assert anchors(alone) == ["alarms", "scores"]
    assert "100" in render_report(alone)
    assert "100 % of its 1 windows" in terminal(alone)


def test_no_window_at_all() -> None:
    trace = ScoreTrace(np.empty(0), np.empty(0), 1.0, None, None)
    empty = Report("pump", "none.csv", Figures(None, None, None, None, 0, 0), trace, (), (), np.empty(0), (), (), ())
    assert "<h1>pump</h1>" in render_report(empty)


@pytest.mark.parametrize("odd", [np.nan, np.inf, 0.0, -1.0])
def test_scores_a_log_axis_cannot_show(report: Report, odd: float) -> None:
    scores = report.trace.scores.copy()
    scores[10:20] = odd
    trace = dataclasses.replace(report.trace, scores=scores)
    assert "<svg" in render_report(dataclasses.replace(report, trace=trace))


def test_names_are_text_never_markup(report: Report) -> None:
    name = "<b>x</b> & $a_1$ [red]"
    fault = FaultRow(name, 10.0, 5.0, None, ((name, 1.0),))
    faults = np.where(np.asarray(report.trace.labels), name, "")
    trace = dataclasses.replace(report.trace, faults=tuple(faults.tolist()))
    latency = (LatencyRow(name, 7.0, 9.0, name),)
    hostile = dataclasses.replace(
        report,
        trace=trace,
        faults=(fault,),
        latency=latency,
        title=name,
        recording=name,
        sizes=(FileSize(name, 1),),
        facts=((name, name),),
    )
    page = render_report(hostile)
    assert "<b>" not in page
    assert "&lt;b&gt;x&lt;/b&gt; &amp; $a_1$" in page
    assert name in terminal(hostile, width=400)


def test_names_without_a_glyph_here_are_left_to_the_reader_s_fonts(report: Report) -> None:
    fault = FaultRow("軸受", 10.0, 5.0, 1.0, (("温度", 1.0),))
    assert "温度</text>" in render_report(dataclasses.replace(report, faults=(fault,)))


def test_long_recording_keeps_its_single_peak() -> None:
    scores = np.ones(300_000)
    scores[123_456] = 50.0
    x, y = thinned(np.arange(300_000.0), scores, 1600)
    assert len(x) <= 1600
    assert x[y.argmax()] == 123_456
    trace = ScoreTrace(np.arange(300_000.0), scores, 3.0, None, None)
    assert len(score_chart(trace, alarms_above(trace))) < 10_000


def test_no_line_is_drawn_over_a_gap() -> None:
    seconds = np.r_[np.arange(100.0), np.arange(1000.0, 1100.0)]
    chart = score_chart(ScoreTrace(seconds, np.linspace(1, 2, 200), 3.0, None, None), ())
    (line,) = re.findall(r'class="score" d="([^"]*)"', chart)
    assert line.count("M") == 2


def test_alarm_covers_its_windows_and_the_step_before() -> None:
    trace = ScoreTrace(np.arange(6) * 10.0, np.array([0, 5, 5, 0, 0, 5.0]), 1.0, None, None)
    found = [(alarm.start_s, alarm.end_s, alarm.peak) for alarm in alarms_above(trace)]
    assert found == [(0.0, 20.0, 5.0), (40.0, 50.0, 5.0)]


def test_alarms_are_told_per_hour_day_and_week(page: str) -> None:
    text = page.replace("\N{NO-BREAK SPACE}", " ")
    assert re.search(r"\d+ alarms in 100 minutes \([\d.]+ an hour, [\d,.]+ a day, [\d,]+ a week\)", text)
    false = sum(not alarm.during for alarm in example_report().alarms)
    assert false >= 3
    assert f"{false} of them in normal work" in text


def test_only_some_of_many_alarms_are_shown_in_detail_and_it_says_so(page: str) -> None:
    assert re.search(r"Shown are the 1 highest of \d+ alarms", page)
    assert 'href="#alarm-1"' in page
    assert 'id="alarm-1"' in page


@pytest.mark.parametrize("n", [0, 1, 500])
def test_table_of_alarms_is_capped(report: Report, n: int) -> None:
    alarms = tuple(Alarm(number, float(number), number + 1.0, 4.0 + number) for number in range(1, n + 1))
    table = alarms_table(dataclasses.replace(report, alarms=alarms))
    assert len(table.rows) == min(n, 100)
    assert ("highest of 500" in table.title) == (n == 500)


def test_dates_are_shown_where_the_recording_has_them(report: Report) -> None:
    dated = dataclasses.replace(report, trace=dataclasses.replace(report.trace, epoch_s=1.767e9))
    text = render_report(dated)
    assert "2025-12-29 09:" in text
    assert 'data-kind="clock"' in text
    assert 'data-kind="elapsed"' in render_report(report)


@pytest.mark.parametrize("length_s", [3.0, 50.0, 4000.0, 1e5, 3e6, 1e8])
@pytest.mark.parametrize("epoch_s", [None, 1.767e9])
def test_ticks_are_few_and_inside(length_s: float, epoch_s: float | None) -> None:
    axis = TimeAxis(0.0, length_s, epoch_s)
    places = [place for place, _ in axis.ticks()]
    assert 2 <= len(places) <= 7
    assert all(axis.low_s <= place <= axis.high_s for place in places)
    assert len({text for _, text in axis.ticks()}) == len(places)


def test_terminal_shows_figures_faults_latency_and_sizes(report: Report) -> None:
    text = terminal(report)
    for expected in ("pump on pump_2026.csv", "ROC AUC", "no alarm", "pressure", "9,437×", "24.3 kB", "4×"):
        assert expected in text


def test_page_is_written_in_full_or_not_at_all(report: Report, tmp_path: Path) -> None:
    write_report(report, tmp_path / "report.html")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(OutputError, match="does not exist"):
        write_report(report, tmp_path / "missing" / "report.html")


@pytest.mark.parametrize("package", ["matplotlib", "jinja2"])
def test_missing_package_names_its_pip_line(report: Report, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"{package} is not installed.*saelite\[workstation\]"):
        render_report(report)


def test_terminal_without_rich_names_its_pip_line(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=io.StringIO())
    monkeypatch.setitem(sys.modules, "rich.text", None)
    with pytest.raises(MissingExtraError, match=r"rich is not installed.*saelite\[workstation\]"):
        print_report(report, console)


def test_importing_the_report_loads_no_extra() -> None:
    code = (
        "import sys, benchmarks.report.html, benchmarks.report.console\n"
        "print(*({'matplotlib', 'jinja2', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(("value", "text"), [(0.0, "0"), (99.96, "100"), (1234.6, "1,235"), (2.5e9, "2.5e+09")])
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert formats.number(value) == text
