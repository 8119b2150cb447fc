"""How often it alarms, counted by one rule in score, run and reports."""

import csv
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from machines import pump_rows, write_csv

from edge_runtime.streaming.alarm_rate import WatchedTime, alarm_rates, alarms_text

OPTIONS = ["--exit-ratio", 0.5, "--debounce", "2/3", "--min-duration", "20s", "--cool-down", "1m"]


@pytest.fixture
def log(tmp_path):
    rows = pump_rows(600, seed=5)
    for start in (100, 130, 300, 550):
        rows[start : start + 8, 1] += 100_000
    return write_csv(tmp_path / "log.csv", rows, time=range(600), anomaly=[int(300 <= row < 308) for row in range(600)])


def scored(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("options", [[], OPTIONS])
def test_score_alarms_where_run_alarms(saelite, model_path, log, tmp_path, options):
    result = saelite("score", model_path, log, "-o", "s.csv", *options)
    assert result.returncode == 0, result.stderr
    streamed = saelite("run", model_path, "--source", "csv:log.csv", "--sink", "csv:r.csv", *options)
    alarms = [row["alarm"] for row in scored(tmp_path / "s.csv")]
    assert alarms == [row["alarm"] for row in scored(tmp_path / "r.csv")]
    starts = sum(now == "1" and before == "0" for before, now in zip(["0", *alarms], alarms, strict=False))
    words = alarms_text(starts, 597.0)
    assert starts > 1
    assert words in result.stdout
    assert words in streamed.stderr


def test_alarm_options_of_score_join_what_they_join_in_run(saelite, model_path, log):
    few, many = (saelite("score", model_path, log, "-o", "s.csv", *options).stdout for options in (OPTIONS, []))
    assert "alarms in 9.95 minutes" in few
    assert int(few.partition(" alarm")[0].rpartition(" ")[2]) < int(many.partition(" alarm")[0].rpartition(" ")[2])


def test_without_a_time_there_are_alarms_and_no_rates(saelite, model_path, tmp_path):
    write_csv(tmp_path / "log.csv", pump_rows(50))
    assert re.search(r"; \d+ alarms?$", saelite("score", model_path, "log.csv", "-o", "s.csv").stdout.strip())
    result = saelite("score", model_path, "log.csv", "-o", "s.csv", "--min-duration", "5s")
    assert result.returncode == 2
    assert "need a time column" in result.stderr


@given(st.integers(0, 1000), st.floats(1.0, 1e9))
def test_rates_are_in_proportion(alarms, watched_s):
    rates = alarm_rates(alarms, watched_s)
    assert rates["week"] == pytest.approx(7 * rates["day"])
    assert rates["day"] == pytest.approx(24 * rates["hour"])
    assert rates["hour"] * watched_s == pytest.approx(3600 * alarms)


@given(st.lists(st.floats(0, 100), min_size=1), st.lists(st.integers(0, 50)))
def test_watched_time_is_the_same_in_blocks_of_any_size(steps, cuts):
    times, watched = np.cumsum(steps), WatchedTime()
    for block in np.split(times, sorted(cuts)):
        watched.add(block)
    assert watched.total_s == pytest.approx(times[-1] - times[0])
