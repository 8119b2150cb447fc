"""Models from a registry in a running stream: probation, complaints, counts, and what is told of them."""

import random
import shutil
import time
from dataclasses import replace

import pytest
from live_process import until
from registries import ASSET, PROMISE, small_model

from edge_runtime.registry import polls
from edge_runtime.registry.model_delivery import ModelDelivery, Progress
from edge_runtime.registry.polls import Polls
from edge_runtime.registry.probation import RESULTS, STARTS
from edge_runtime.registry.registry_settings import RegistrySettings

DAY_S = 86_400.0


class Stream:
    """Looks at the registry as a stream does, without readings."""

    def __init__(self, device):
        self.device, self.settings = device, RegistrySettings("x", ASSET, registry_interval_s=3600.0)
        self.begin()

    def begin(self):
        self.device.start()
        self.delivery = ModelDelivery(self.settings, self.device.updater, self.device.told.append)
        self.done, self.events = Progress(), []

    def look(self, *, asked=False, **progress):
        """Look, and wait until everything that is due is done."""
        self.done = replace(self.done, **progress)
        if asked:
            self.delivery.ask()
        for _ in range(3):
            self.delivery.look(self.device.in_use, PROMISE, self.done)
            until(lambda: not self.delivery._is_busy)
        self.events += [event.name for event in self.delivery.events()]
        return self.device.version

    def end(self, *, crashed=False):
        self.delivery.close(crashed=crashed)

    @property
    def probation(self):
        return self.device.updater.state.probation

    @property
    def standing(self):
        return self.delivery.facts.registry


@pytest.fixture
def stream(maker, device):
    """A stream that has taken version 2 after version 1."""
    maker.publish(1)
    stream = Stream(device)
    stream.look(asked=True)
    maker.publish(2)
    assert stream.look(asked=True) == 2
    return stream


def test_new_model_is_told_of(stream):
    assert stream.events == ["model_taken"]
    assert stream.delivery.facts.version == 2
    assert stream.delivery.facts.index == 2
    assert stream.standing == "probation"


def test_model_that_alarms_far_above_its_promise_is_rolled_back(stream, maker):
    assert stream.look(results=100, alarms=2, watched_s=3600.0) == 2
    assert stream.look(results=101, alarms=3) == 1
    assert stream.events == ["model_taken", "model_rolled_back", "model_taken"]
    assert "at most 2 in 24 hours" in stream.device.told[-1]
    assert stream.delivery.counts == {"failed_polls": 0, "expired_polls": 0, "rollbacks": 1}
    assert stream.look(asked=True) == 1
    assert stream.standing == "refused"
    maker.publish(3)
    assert stream.look(asked=True) == 3
    assert stream.probation.alarms == 0


def test_alarms_before_the_new_model_are_not_held_against_it(maker, device):
    maker.publish(1)
    stream = Stream(device)
    stream.look(asked=True, alarms=50, watched_s=1000.0)
    maker.publish(2)
    assert stream.look(asked=True) == 2
    assert stream.look(watched_s=2000.0) == 2
    assert stream.probation.alarms == 0
    assert stream.probation.watched_s == 1000.0


def test_probation_goes_on_over_restarts_until_it_is_passed(stream):
    stream.look(results=100, alarms=2, watched_s=DAY_S / 2)
    stream.end()
    stream.begin()
    stream.look()
    assert stream.probation.alarms == 2
    stream.look(results=100, watched_s=DAY_S / 2 + 1)
    assert stream.probation is None
    assert stream.standing == "current"
    assert stream.device.told[-1] == "version 2 has passed its probation"
    assert stream.look(alarms=1000) == 2


def starts(stream):
    return stream.device.updater.installed.state.probation.starts


@pytest.mark.parametrize("progress", [{"results": RESULTS}, {"is_waiting": True}])
def test_start_that_works_or_has_nothing_to_work_on_is_no_crash(stream, progress):
    for _ in range(STARTS + 2):
        stream.begin()
        assert stream.look() == 2
        assert starts(stream) == 1
        stream.look(**progress)
        assert starts(stream) == 0


def test_end_that_was_asked_for_is_no_crash(stream):
    for _ in range(STARTS + 2):
        stream.begin()
        assert stream.look(results=RESULTS - 1) == 2
        stream.end()


def test_exception_is_a_crash(stream):
    for number in range(STARTS):
        stream.begin()
        assert starts(stream) == number + 1
        assert stream.look(results=RESULTS - 1) == 2
        stream.end(crashed=True)
    stream.begin()
    assert stream.look() == 1


def test_model_that_the_stream_cannot_use_is_rolled_back(stream):
    stream.delivery.complain(stream.device.in_use.content, ValueError("other sensors"))
    assert stream.look() == 1
    assert "model_rolled_back" in stream.events
    assert "other sensors" in stream.device.told[-1]


def test_look_between_a_roll_back_and_the_switch_does_not_put_the_bad_model_back(stream, maker):
    bad = stream.device.in_use
    stream.device.updater.roll_back("for the test")
    stream.device.updater.look(bad)  # the stream still uses it
    assert stream.device.version == 1


def test_look_between_a_new_model_and_the_switch_does_not_put_the_old_one_back(stream, maker):
    before = stream.device.in_use
    maker.publish(3)
    stream.device.updater.look(before)
    taken = len(stream.device.told)
    stream.device.updater.look(before)
    maker.publish(2, allow_downgrade=True)
    stream.device.updater.look(before)
    assert stream.device.version == 3
    assert len(stream.device.told) == taken
    assert stream.look(asked=True) == 2


def test_complaint_about_another_file_changes_nothing(stream):
    stream.delivery.complain(b"something else", ValueError("no model"))
    assert stream.look() == 2


def test_registry_vouches_for_what_it_put_in_place_and_for_nothing_else(stream):
    content = stream.device.model.read_bytes()
    assert stream.delivery.vouches_for(content)
    assert not stream.delivery.vouches_for(content + b"\0")


def test_how_the_model_stands_to_its_registry(maker, device, monkeypatch):
    maker.publish(1)
    stream = Stream(device)
    stream.look()
    assert stream.standing == "current"
    device.model.write_bytes(small_model(5).signed(maker.key).to_bytes())
    stream.look()
    assert stream.standing == "other"
    later = maker.index.expires_s + 1
    shutil.rmtree(maker.registry)
    for _ in range(3):
        stream.look(asked=True)
    assert stream.standing == "failing"
    assert stream.delivery.counts["failed_polls"] == 3
    monkeypatch.setattr(time, "time", lambda: later)
    assert stream.standing == "expired"


def test_looks_are_spread_and_become_rare_while_they_fail(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(polls.time, "monotonic", lambda: now[0])
    random.seed(4)
    firsts = [Polls(600.0)._next_s for _ in range(200)]
    assert 0 <= min(firsts) < 5
    assert 25 < max(firsts) <= 30
    one = Polls(600.0)
    pauses = []
    for _ in range(6):
        one.done(well=False)
        pauses.append(one._next_s)
    for pause, mean in zip(pauses, (1200, 2400, 3600, 3600, 3600, 3600), strict=True):
        assert 0.75 * mean <= pause <= 1.25 * mean
    one.done(well=True)
    assert 450 <= one._next_s <= 750
    assert not one.is_due
    one.ask()
    assert one.is_due
