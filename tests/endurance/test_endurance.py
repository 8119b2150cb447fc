"""Small versions of the long measurements: the scripts beside this file print the full ones."""

import subprocess

import pytest
from fuzz import fuzz
from history_full_disk import problems_of
from history_kills import kills_of
from kill_check import ages_after_kills
from registry_kills import kills_of as registry_kills_of

from edge_runtime import Detector
from edge_runtime.tables.lines import LONGEST_LINE, LineSplitter


def test_anything_into_a_source_gives_readings_or_an_error_of_ours(model_path):
    assert fuzz(Detector.load(model_path), 100, 1).inputs > 50


def test_state_is_whole_and_fresh_after_kills_at_random_moments():
    # Ten times the interval of the long measurement: a busy machine with a slow disk is no failure.
    assert max(ages_after_kills(5, interval_s=1.0)) <= 1.0


def test_history_is_sound_and_holds_what_was_announced_once_after_kills_at_random_moments():
    kills = list(kills_of(3, seed=1))
    assert sum(kill.announced for kill in kills) > 0
    assert [(kill.missing, kill.twice, kill.problem) for kill in kills] == [(0, 0, "")] * 3


def test_there_is_always_one_good_model_however_device_and_publisher_are_killed():
    kills = list(registry_kills_of(3, seed=1, longest_s=1.5))
    assert [kill.problems for kill in kills] == [()] * 7
    assert kills[-1].version > kills[0].version


def test_full_disk_stops_the_history_and_not_the_detector(tmp_path):
    try:
        problems, _ = problems_of(tmp_path, full_s=6)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a small file system cannot be mounted here")
    assert problems == []


def test_endless_line_is_dropped_in_bounded_memory():
    splitter = LineSplitter()
    for _ in range(160):
        assert splitter.feed(b"7" * LONGEST_LINE) == []
        assert len(splitter._rest) <= LONGEST_LINE
    assert splitter.feed(b"7\n1,2\n") == ["1,2"]
    assert splitter.lost == 1
