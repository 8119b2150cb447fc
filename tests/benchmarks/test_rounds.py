"""Rounds by turns: slow spells of the core do not count, slow calls do, and one failure ends nothing."""

import numpy as np
import pytest

from benchmarks.rounds import Round, Turns, take_turns, undisturbed
from benchmarks.worker_process import Job, WorkerFailedError, WorkerProcess

FAST_NS, SLOW_NS = 20_000.0, 33_000.0
WORKER = """
import json, sys
print(json.dumps({"cold_start_s": 0.1}), flush=True)
for number, line in enumerate(sys.stdin):
    if number == {last}:
        raise ValueError("the board is on fire")
    told = json.loads(line)
    print(json.dumps({"ns": [1000] * told["calls"], "pace_ns": 50.0}), flush=True)
"""


def rounds(*paces):
    return [Round(np.array([number]), pace) for number, pace in enumerate(paces)]


@pytest.fixture
def job(tmp_path, monkeypatch):
    """Return the job of a worker whose calls take a microsecond, and that fails in a round of choice."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")

    def write(name, last=-1):
        (tmp_path / f"{name}.py").write_text(WORKER.replace("{last}", str(last)))
        return Job(name, name, ())

    return write


def test_rounds_in_which_the_core_was_slow_do_not_count():
    quiet = undisturbed(rounds(*[FAST_NS, SLOW_NS] * 7), FAST_NS * 1.1)
    assert [one.durations_ns[0] for one in quiet] == [0, 2, 4, 6, 8, 10, 12]


def test_where_the_core_is_hardly_ever_quiet_the_quietest_six_count():
    quiet = undisturbed(rounds(*(SLOW_NS + number for number in (9, 3, 1, 8, 2, 6, 4, 5, 7))), FAST_NS)
    assert sorted(one.pace_ns - SLOW_NS for one in quiet) == [1, 2, 3, 4, 5, 6]


def test_every_turn_makes_its_share_of_the_fewest_calls(job):
    (taken,) = take_turns([job("steady")], Turns(rounds=4, round_s=0, fewest_calls=10))
    assert (taken.n_rounds, [len(one.durations_ns) for one in taken.rounds]) == (4, [3, 3, 3, 3])


def test_rows_with_too_little_time_get_as_many_rounds_again(job):
    (taken,) = take_turns([job("steady")], Turns(rounds=4, round_s=1, fewest_calls=10))
    assert taken.n_rounds == 8


def test_worker_that_fails_on_the_way_leaves_the_others_going_on(job):
    told = []
    turns = Turns(rounds=3, round_s=0, fewest_calls=3)
    steady, failed = take_turns([job("steady"), job("mortal", last=1)], turns, told.append)
    assert (steady.failure, steady.n_rounds, steady.start) == ("", 3, {"cold_start_s": 0.1})
    assert (failed.failure, failed.rounds) == ("the board is on fire", ())
    assert told[:3] == ["starting steady", "starting mortal", "round 1 of 3: steady"]


def test_worker_that_says_nothing_is_told_by_its_exit_code(tmp_path, job):
    silent = job("silent")
    (tmp_path / "silent.py").write_text("raise SystemExit(3)")
    with pytest.raises(WorkerFailedError, match=r"silent could not be measured: .* exit code 3"):
        WorkerProcess(silent)
