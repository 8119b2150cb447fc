"""What a history keeps of a machine's results, and what it gives back."""

import sqlite3

import numpy as np
import pytest
from histories import BLAMED, START_S, MovedClocks, alarm_block, block, info

from edge_runtime.common.notices import Notices
from edge_runtime.errors import HistoryError, UsageError
from edge_runtime.history.history import History
from edge_runtime.history.history_sink import HistorySink
from edge_runtime.history.keep import Keep
from edge_runtime.history.records import Mark, ModelChange
from edge_runtime.sinks.sinks import Sinks
from edge_runtime.streaming.unwritten import Unwritten

HOUR = 3600


@pytest.fixture
def clocks():
    return MovedClocks()


@pytest.fixture(params=["file", "memory"])
def history(request, tmp_path, clocks):
    opened = History.open(tmp_path / "site.db" if request.param == "file" else None, clocks=clocks.clocks)
    yield opened
    opened.close()


@pytest.fixture
def sink(history):
    return HistorySink(history, info())


def test_trend_gives_lowest_mean_and_highest_score_of_each_span(history, sink):
    sink.write(alarm_block(0, 7200, 1800, 1900))
    sink.close()
    trend = history.trend("pump", START_S, START_S + 7200, points=4)
    inside = trend.counts > 0
    assert trend.counts.sum() == 7200
    assert np.all(np.diff(trend.times) > 0)
    assert trend.lowest[inside].tolist() == [0.5] * int(inside.sum())
    assert trend.highest[inside].max() == 3.0
    assert trend.alarm_share @ trend.counts == pytest.approx(100)
    assert trend.mean @ trend.counts == pytest.approx(100 * 3 + 7100 * 0.5)


def test_fine_trends_come_from_seconds_and_coarse_ones_from_hours(history, sink):
    sink.write(block(0, 900))
    sink.close()
    fine = history.sensor_trend("pump", "heat", START_S, START_S + 100, points=100)
    assert len(fine) == 100
    assert fine.mean.tolist() == [1000.0 + number for number in range(100)]
    coarse = history.sensor_trend("pump", "heat", START_S - 50 * HOUR, START_S + 50 * HOUR, points=10)
    assert (coarse.lowest[0], coarse.highest[-1]) == (1000.0, 1899.0)
    assert len(coarse) <= 2


def test_gap_in_the_readings_stays_a_gap(history, sink):
    sink.write(block(0, 600))
    sink.write(block(4200, 600))
    sink.close()
    trend = history.trend("pump", START_S, START_S + 2 * HOUR, points=720)
    gaps = np.flatnonzero(trend.counts == 0)
    assert len(gaps) == 1
    assert np.isnan(trend.mean[gaps]).all()
    assert trend.times[gaps[0]] < START_S + 700
    assert trend.times[gaps[0] + 1] > START_S + 4100


def test_slow_machine_has_no_gaps(history, sink):
    for number in range(20):
        sink.write(block(number, 1, step_s=600.0))
    sink.close()
    trend = history.trend("pump", START_S, START_S + 12_000, points=500)
    assert trend.counts.tolist() == [1] * 20


def test_unknown_machines_and_sensors_have_no_trend(history, sink):
    sink.write(block(0, 10))
    sink.close()
    assert len(history.trend("fan", START_S, START_S + 10, 10)) == 0
    assert len(history.sensor_trend("pump", "nothing", START_S, START_S + 10, 10)) == 0
    assert history.sensors("fan") == ()


def test_alarm_is_kept_with_start_end_peak_and_blame(history, sink):
    sink.write(alarm_block(0, 500, 400, 450))
    (alarm,) = history.alarms()
    assert (alarm.machine, alarm.started_s, alarm.ended_s) == ("pump", START_S + 400, START_S + 450)
    assert (alarm.peak_score, alarm.threshold, alarm.noted_s) == (4.0, 1.0, START_S)
    assert alarm.blamed == BLAMED
    assert (alarm.marks, alarm.verdict) == ((), "")


def test_alarm_that_lasts_has_no_end_and_follows_its_peak(history, sink, clocks):
    sink.write(alarm_block(0, 100, 50, 10_000))
    assert history.alarms()[0].ended_s is None
    clocks.move(11)
    sink.write(alarm_block(100, 10, 50, 10_000))
    clocks.move(11)
    sink.write(alarm_block(110, 10, 50, 10_000))
    assert history.alarms()[0].peak_score == 3.0


@pytest.mark.parametrize("owed", [slice(0, 1), slice(1, 2), slice(0, 2)], ids=["start", "end", "both"])
def test_alarm_that_is_announced_again_is_kept_once(history, sink, owed):
    first = alarm_block(0, 500, 400, 450)
    sink.write(first)
    sink.close()
    before = history.alarms()
    after_kill = HistorySink(history, info())
    sinks = Sinks((), Notices(print), after_kill)
    sinks.announce_again([Unwritten.of(after_kill.name, first.events[owed])], info().sensors)
    sinks.write(alarm_block(500, 500, 700, 800))
    sinks.close()
    assert history.alarms()[1:] == before
    assert history.alarms()[0].ended_s == START_S + 800


def test_alarm_that_is_announced_again_and_not_kept_is_kept(history, sink):
    sink.write(alarm_block(0, 500, 400, 450))
    lost = alarm_block(500, 500, 700, 800).events
    sinks = Sinks((), Notices(print), sink)
    sinks.announce_again([Unwritten.of(sink.name, lost)], info().sensors)
    sinks.close()
    assert [(alarm.started_s, alarm.ended_s) for alarm in history.alarms()] == [
        (START_S + 700, START_S + 800),
        (START_S + 400, START_S + 450),
    ]


def test_stream_that_resumes_before_the_end_of_its_alarm_ends_it_once(history, sink):
    sink.write(alarm_block(0, 500, 400, 450))
    sink.write(alarm_block(500, 100, 550, 1000))
    after_kill = HistorySink(history, info())
    after_kill.write(alarm_block(600, 100, 400, 650))
    after_kill.close()
    assert [alarm.ended_s for alarm in history.alarms()] == [START_S + 550, START_S + 450]


def test_alarms_of_a_clock_that_stands_still_are_all_kept(history, sink):
    for first in range(0, 1500, 500):
        sink.write(alarm_block(first, 500, first + 100, first + 200, step_s=0.0))
    assert [(alarm.started_s, alarm.ended_s) for alarm in history.alarms()] == 3 * [(START_S, START_S)]


def test_alarms_are_listed_newest_first_within_a_span(history, sink):
    for number in range(5):
        sink.write(alarm_block(1000 * number, 1000, 1000 * number + 100, 1000 * number + 200))
    assert [alarm.started_s - START_S for alarm in history.alarms("pump")] == [4100, 3100, 2100, 1100, 100]
    assert [alarm.id for alarm in history.alarms(limit=2)] == [5, 4]
    assert history.alarms("fan") == ()


def test_alarm_with_a_wrong_time_is_listed_by_the_computers_clock(history, sink, clocks):
    sink.write(alarm_block(0, 100, 50, 60, start_s=0.0))
    assert [alarm.started_s for alarm in history.alarms(since_s=START_S - HOUR)] == [50.0]


def test_readings_before_an_alarm_and_after_its_end_are_kept(history, sink):
    sink.write(block(0, 1000))
    sink.write(alarm_block(1000, 100, 1050, 1080))
    sink.write(block(1100, 500))
    sink.close()
    parts = history.around(history.alarms()[0].id)
    times = np.concatenate([part.time_s + part.step_s * np.arange(len(part.values)) for part in parts]) - START_S
    assert times.tolist() == list(range(750, 1140 + 1))
    assert np.concatenate([part.values[:, 0] for part in parts]).tolist() == (times % 1000).tolist()
    assert sum(part.in_alarm.sum() for part in parts) == 30


def test_long_alarm_keeps_its_beginning_and_its_end(history, sink):
    sink.write(alarm_block(0, 500, 400, 50_000))
    for first in range(500, 50_500, 500):
        sink.write(alarm_block(first, 500, 400, 50_000))
    sink.close()
    parts = history.around(history.alarms()[0].id)
    times = np.concatenate([part.time_s + part.step_s * np.arange(len(part.values)) for part in parts]) - START_S
    assert {100, 400, 1900, 49_700, 50_000, 50_060} <= set(times.tolist())
    assert len(times) < 3000


def test_excerpts_hold_consecutive_readings_none_twice(history, sink, clocks):
    for first in range(0, 20_000, 100):
        clocks.move(100)
        gap = 50 if first >= 5000 else 0
        sink.write(alarm_block(first + gap, 100, 8100, 8150))
    sink.close()
    excerpts = list(history.excerpts("pump"))
    numbers = np.concatenate([part.time_s - START_S + np.arange(len(part.values)) for part in excerpts])
    assert np.all(np.diff(numbers) > 0)
    assert len(numbers) > 15_000
    for part in excerpts:
        assert part.values[:, 0].tolist() == ((part.time_s - START_S + np.arange(len(part.values))) % 1000).tolist()
        assert not part.time_s < START_S + 5000 <= part.end_s, "no excerpt spans a gap"
    assert sum(part.in_alarm.sum() for part in excerpts) == 50
    assert next(history.excerpts("pump", START_S + 10_000)).end_s >= START_S + 10_000


def test_marks_are_kept_with_who_when_and_a_note(history, sink):
    sink.write(alarm_block(0, 500, 400, 450))
    history.mark(1, Mark("real", "Ann", START_S + 1, "the seal"))
    history.mark(1, Mark("false_alarm", "Bob", START_S + 2))
    (alarm,) = history.alarms()
    assert [(mark.kind, mark.who, mark.note) for mark in alarm.marks] == [
        ("real", "Ann", "the seal"),
        ("false_alarm", "Bob", ""),
    ]
    assert alarm.verdict == "false_alarm"


def test_ignored_sensor_is_the_worst_one_for_a_day_unless_said_otherwise(history, sink):
    sink.write(alarm_block(0, 500, 400, 450))
    mark = history.mark(1, Mark("ignore", "Ann", START_S))
    assert (mark.sensor, mark.until_s) == ("flow", START_S + 24 * HOUR)
    assert history.ignored("pump", START_S + 1) == {"flow"}
    assert history.ignored("pump", START_S + 25 * HOUR) == frozenset()
    assert history.ignored("pump", START_S - 25 * HOUR) == frozenset(), "a clock that is set back silences nothing"
    assert history.ignored("fan", START_S + 1) == frozenset()
    history.mark(1, Mark("ignore", "Ann", START_S + 2, until_s=START_S + 3, sensor="flow"))
    assert history.ignored("pump", START_S + 4) == frozenset(), "the last word counts"


@pytest.mark.parametrize(
    ("number", "mark", "error"),
    [
        (7, Mark("real", "", 0.0), "no alarm 7 .* at most 1"),
        (1, Mark("ignore", "", 0.0, sensor="fan"), "no sensor 'fan'. Expected one of: flow, heat"),
        (1, Mark("ignore", "", 0.0, until_s=1e9), "at most 366 days"),
    ],
)
def test_mark_that_cannot_be_meant_is_refused(history, sink, number, mark, error):
    sink.write(alarm_block(0, 500, 400, 450))
    with pytest.raises((HistoryError, UsageError), match=error):
        history.mark(number, mark)
    assert history.alarms()[0].marks == ()


@pytest.mark.parametrize("values", [("nonsense", "", 0.0), ("real", "", np.inf), ("real", "x" * 500, 0.0)])
def test_marks_of_nonsense_cannot_be_made(values):
    with pytest.raises(UsageError, match="Received"):
        Mark(*values)


def test_marks_version_changes_when_another_process_marks(tmp_path, clocks):
    with_writer = History.open(tmp_path / "site.db", clocks=clocks.clocks)
    sink = HistorySink(with_writer, info())
    sink.write(alarm_block(0, 500, 400, 450))
    before = with_writer.marks_version()
    assert with_writer.marks_version() == before
    other = History.read(tmp_path / "site.db")
    other.mark(1, Mark("real", "Ann", START_S))
    assert with_writer.marks_version() != before
    assert with_writer.alarms()[0].verdict == "real"
    other.close()
    with_writer.close()


def test_model_changes_are_kept_once_each(history, sink):
    for sha256 in ("a", "a", "b", "a"):
        sink._recorder.note_model(ModelChange(START_S, sha256, "pump", 1, ""))
    sink.close()
    assert [change.sha256 for change in history.models("pump")] == ["a", "b", "a"]
    assert history.machines() == ("pump",)


def test_several_machines_share_a_history(history):
    sinks = [HistorySink(history, info(sensors, name)) for sensors, name in ((2, "pump"), (5, "fan"))]
    for sink, sensors in zip(sinks, (2, 5), strict=True):
        sink.write(alarm_block(0, 500, 400, 450, sensors))
        sink.close()
    assert history.machines() == ("pump", "fan")
    assert [alarm.machine for alarm in history.alarms()] == ["fan", "pump"]
    assert len(history.sensors("fan")) == 5
    assert {part.values.shape[1] for part in history.excerpts("fan")} == {5}


def test_keep_says_what_it_expects():
    assert Keep.parse("30d,200MB") == Keep.parse("200MB,30d") == Keep()
    for text in ("", "30d,7d", "1KB", "much", "0d", "-1d"):
        with pytest.raises(UsageError, match="Received"):
            Keep.parse(text)


def test_database_is_one_that_sqlite_finds_sound(tmp_path, clocks):
    history = History.open(tmp_path / "site.db", clocks=clocks.clocks)
    sink = HistorySink(history, info())
    sink.write(alarm_block(0, 5000, 400, 450))
    sink.close()
    history.close()
    with sqlite3.connect(tmp_path / "site.db") as found:
        assert found.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert found.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert found.execute("PRAGMA auto_vacuum").fetchone() == (2,)
    found.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["site.db"]
