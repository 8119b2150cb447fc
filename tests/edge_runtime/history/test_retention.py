"""A history within its bounds, whatever clocks say and however long it lives."""

import numpy as np
import pytest
from histories import START_S, MovedClocks, alarm_block, block, info

from edge_runtime.history.history import History
from edge_runtime.history.history_sink import HistorySink
from edge_runtime.history.keep import DAY_S, Keep
from edge_runtime.history.records import Mark

SMALL = Keep(30 * DAY_S, 5_000_000)


def size(path):
    return sum(found.stat().st_size for found in path.parent.glob(f"{path.name}*") if not found.name.endswith("-shm"))


def live(sink, clocks, seconds, *, first=0, sensors=2, step=3600):
    """Let a machine live, an alarm of a minute every six hours; yield now and then."""
    for start in range(first, first + seconds, step):
        begin = start - start % 21_600 + 100
        clocks.move(step)
        sink.write(alarm_block(start, step, begin, begin + 60, sensors))
        yield start


@pytest.mark.parametrize(("sensors", "max_bytes"), [(8, 5_000_000), (200, 10_000_000)])
def test_days_stay_within_the_size_and_only_the_oldest_is_coarse(tmp_path, sensors, max_bytes):
    clocks, path, days = MovedClocks(), tmp_path / "site.db", 3
    history = History.open(path, Keep(30 * DAY_S, max_bytes), clocks=clocks.clocks)
    sink = HistorySink(history, info(sensors))
    largest = max(size(path) for _ in live(sink, clocks, days * int(DAY_S), sensors=sensors))
    sink.close()
    assert 0.5 * max_bytes < largest <= max_bytes
    end_s = START_S + days * DAY_S
    hours = history.trend("pump", START_S, end_s, points=days * 24)
    assert (hours.counts > 0).sum() >= days * 24 - 1
    assert hours.counts.sum() > 0.97 * days * DAY_S
    recent = history.sensor_trend("pump", "flow", end_s - 60, end_s, points=60)
    assert len(recent) == 60
    assert len(history.alarms()) == days * 4
    times = np.array([excerpt.time_s - START_S for excerpt in history.excerpts("pump")])
    assert len(times) >= 4
    assert times.min() < DAY_S
    assert times.max() > (days - 1) * DAY_S
    history.close()
    assert size(path) <= max_bytes


def test_history_that_may_keep_less_than_before_shrinks(tmp_path):
    clocks, path = MovedClocks(), tmp_path / "site.db"
    for keep in (Keep(30 * DAY_S, 20_000_000), SMALL):
        history = History.open(path, keep, clocks=clocks.clocks)
        sink = HistorySink(history, info(8))
        for _ in live(sink, clocks, 100_000, sensors=8, step=900):
            pass
        sink.close()
        history.close()
        assert size(path) <= keep.max_bytes
        assert size(path) > SMALL.max_bytes or keep is SMALL


def test_what_is_too_old_goes(tmp_path):
    clocks = MovedClocks()
    history = History.open(tmp_path / "site.db", Keep(2 * DAY_S), clocks=clocks.clocks)
    sink = HistorySink(history, info())
    for _ in live(sink, clocks, 5 * int(DAY_S), step=3600):
        pass
    sink.close()
    assert 8 <= len(history.alarms()) <= 9
    assert history.alarms()[-1].started_s >= START_S + 3 * DAY_S - 3600
    trend = history.trend("pump", START_S, START_S + 5 * DAY_S, points=120)
    assert 48 <= (trend.counts > 0).sum() <= 50
    history.close()


@pytest.mark.parametrize("wrong_s", [4_102_444_800.0, 0.0, -1e9, 2.5e11])
def test_readings_with_a_wrong_time_delete_nothing(tmp_path, wrong_s):
    clocks = MovedClocks()
    history = History.open(tmp_path / "site.db", Keep(2 * DAY_S), clocks=clocks.clocks)
    sink = HistorySink(history, info())
    for start in live(sink, clocks, int(DAY_S), step=3600):
        sink.write(alarm_block(start, 1, start, start + 1, start_s=wrong_s - start))
    sink.close()
    assert len(history.trend("pump", START_S, START_S + DAY_S, points=24)) >= 24
    assert len([alarm for alarm in history.alarms() if alarm.started_s > START_S and alarm.started_s < 2e9]) >= 4
    history.close()


@pytest.mark.parametrize("step_s", [80 * 365 * DAY_S, -50 * 365 * DAY_S])
def test_computers_clock_that_is_set_deletes_nothing(tmp_path, step_s):
    clocks = MovedClocks()
    for start in range(0, 40_000, 10_000):
        history = History.open(tmp_path / "site.db", Keep(3 * DAY_S), clocks=clocks.clocks)
        sink = HistorySink(history, info())
        sink.write(alarm_block(start, 1000, start + 100, start + 200))
        clocks.wall += step_s
        clocks.move(100)
        sink.close()
        history.close()
        clocks.wall -= step_s
        clocks.steady = 0.0
    history = History.open(tmp_path / "site.db", Keep(3 * DAY_S), clocks=clocks.clocks)
    sink = HistorySink(history, info())
    sink.write(block(50_000, 10))
    sink.close()
    assert len(history.alarms()) == 4
    history.close()


def test_alarms_that_somebody_spoke_of_go_last():
    history = History.open(None, SMALL)
    sink = HistorySink(history, info())
    sink.write(alarm_block(0, 10, 2, 5))
    history.mark(1, Mark("real", "Ann", START_S))
    copy = """INSERT INTO alarm (stream, lived_s, started_s, noted_s, seen_s, peak, threshold, blamed)
        SELECT stream, lived_s, started_s, noted_s, seen_s, peak, threshold, blamed FROM alarm"""
    history.writer.connection.execute("UPDATE alarm SET blamed = blamed || ?", (" " * 120,))
    for _ in range(13):
        history.writer.connection.execute(copy)
    sink.write(alarm_block(10, 10, 12, 15))
    sink.close()
    found = history.alarms(limit=100_000)
    assert 1000 < len(found) < (1 << 13)
    assert (found[0].id, found[-1].id) == ((1 << 13) + 1, 1)
    assert found[-1].verdict == "real"
    history.close()
