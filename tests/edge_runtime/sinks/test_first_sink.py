"""A history is told first: others announce an event once it is kept, or a second later at most."""

import threading
import time

import pytest
from live_process import until
from numbered_results import results

from edge_runtime.common.notices import Notices
from edge_runtime.sinks import sinks as sinks_module
from edge_runtime.sinks.sinks import Sinks


class Noting:
    """A sink that notes in a shared list what it took, and that can be held or broken."""

    def __init__(self, name, taken):
        self.name, self.taken, self.may_go, self.error = name, taken, threading.Event(), None
        self.may_go.set()

    def write(self, results):
        self.may_go.wait(60)
        if self.error:
            raise self.error
        self.taken.append((self.name, len(results.events)))

    def status(self, counters):
        pass

    def close(self):
        self.may_go.set()


@pytest.fixture
def opened(monkeypatch):
    def make(patience_s=60.0):
        monkeypatch.setattr(sinks_module, "_FIRST_S", patience_s)
        taken = []
        first, other = Noting("first", taken), Noting("other", taken)
        return Sinks([other], Notices(lambda _: None), first), first, taken

    return make


def test_event_is_announced_once_it_is_kept(opened):
    sinks, first, taken = opened()
    first.may_go.clear()
    sinks.write(results(0, 3, events=(1,)))
    time.sleep(0.2)
    assert taken == []
    first.may_go.set()
    until(lambda: taken == [("first", 1), ("other", 1)])
    sinks.close()


def test_results_without_events_wait_for_nothing(opened):
    sinks, first, taken = opened()
    first.may_go.clear()
    sinks.write(results(0, 3))
    until(lambda: taken == [("other", 0)])
    sinks.close()


def test_disk_that_hangs_delays_all_events_together_no_longer_than_one(opened):
    sinks, first, taken = opened(patience_s=0.2)
    first.may_go.clear()
    started_s = time.monotonic()
    for number in range(20):
        sinks.write(results(3 * number, 3, events=(1,)))
    assert time.monotonic() - started_s < 0.2, "whoever writes results never waits"
    until(lambda: len(taken) == 20)
    assert time.monotonic() - started_s < 2.0
    sinks.close()


def test_history_that_fails_lets_events_pass(opened):
    sinks, first, taken = opened()
    first.error = OSError("no space left")
    sinks.write(results(0, 3, events=(1,)))
    until(lambda: taken == [("other", 1)])
    sinks.close()
    sinks.raise_lost()


def test_results_that_only_the_history_took_have_reached_no_sink(opened):
    sinks, _, _ = opened()
    sinks._others[0].sink.error = OSError("no space left")
    sinks.write(results(0, 3))
    sinks.close()
    assert sinks._taken_by_none == 3
