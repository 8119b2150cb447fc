"""Alarms: when they start, when they end, and whom they blame."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.errors import UsageError
from edge_runtime.model_file.json_codec import from_json, to_json
from edge_runtime.signal.steady_time import CHECK_S
from edge_runtime.streaming.alarm import AlarmLogic, AlarmState
from edge_runtime.streaming.alarm_events import AlarmEnded, AlarmStarted
from edge_runtime.streaming.alarm_settings import AlarmSettings
from edge_runtime.streaming.blame import Blamed, Evidence, SensorFacts

FLOW = SensorFacts(("flow",), ("l/min",), (0.5,))
FLOW_AND_HEAT = SensorFacts(("flow", "heat"), ("l/min", "°C"), (0.5, 2.0))


def run(scores, settings, times=None, evidence=None):
    """Return the alarm after each score, and the events; the threshold is 1, one score a second."""
    logic = AlarmLogic(settings, FLOW_AND_HEAT)
    scores = np.asarray(scores, np.float32)
    times = np.arange(len(scores), dtype=float) if times is None else np.asarray(times, float)
    alarms, events = logic.update_many(times, scores, np.ones_like(scores), evidence)
    return "".join("A" if alarm else "." for alarm in alarms), events


def test_alarm_ends_only_below_the_exit_threshold():
    assert run([0, 2, 0.9, 0.9, 0.7, 0.9], AlarmSettings(exit_ratio=0.8))[0] == ".AAA.."


def test_alarm_without_hysteresis_follows_the_threshold():
    assert run([0, 2, 0.9, 2, 1], AlarmSettings(exit_ratio=1))[0] == ".A.A."


def test_debounce_wants_two_of_the_last_three_scores():
    assert run([2, 0, 0, 2, 0, 2, 0], AlarmSettings(debounce=(2, 3)))[0] == ".....A."


def test_alarm_lasts_its_minimum_duration():
    assert run([2, 0, 0, 0, 0], AlarmSettings(min_duration_s=3))[0] == "AAA.."


def test_no_alarm_starts_during_the_cool_down():
    assert run([2, 0, 2, 2, 2, 0], AlarmSettings(cool_down_s=3))[0] == "A...A."


def test_events_tell_peak_duration_and_the_sensors_to_blame():
    contributions = np.array([[0, 0], [0, 2], [5, 0], [1, 0]], np.float32)
    levels = np.array([[np.nan, np.nan], [10, 40], [12, 21], [np.nan, np.nan]], np.float32)
    expected = levels - [0, 20]
    _, (started, ended) = run([0, 2, 5, 0.1], AlarmSettings(), evidence=Evidence(contributions, levels, expected))
    assert started == AlarmStarted(1.0, 2.0, 1.0, (Blamed("heat", 1.0, 40.0, 20.0, 2.0, "°C"),))
    at_peak = (Blamed("flow", 0.75, 12.0, 12.0, 0.5, "l/min"), Blamed("heat", 0.25, 21.0, 1.0, 2.0, "°C"))
    assert ended == AlarmEnded(3.0, 1.0, 2.0, 5.0, at_peak)
    assert ended.sensors == ("flow", "heat")


def test_values_at_the_peak_survive_a_restart():
    one = Evidence(np.array([[0, 2]], np.float32), np.array([[10, 40]], np.float32), np.array([[10, 20]], np.float32))
    before, after = AlarmLogic(AlarmSettings(), FLOW_AND_HEAT), AlarmLogic(AlarmSettings(), FLOW_AND_HEAT)
    ones = np.ones(1, np.float32)
    before.update_many(np.zeros(1), 9 * ones, ones, one)
    after.state = from_json(AlarmState, to_json(before.state))
    _, (ended,) = after.update_many(np.ones(1), 0 * ones, ones, Evidence(*(0 * part for part in one)))
    assert ended.blamed == (Blamed("heat", 1.0, 40.0, 20.0, 2.0, "°C"),)


FUTURE = 4.1e9  # in 2100
ON_OFF = [2, 0] * 20


def starts(times, settings, restart_at=None):
    """Return the readings at which alarms start, of scores that are above the threshold every other second."""
    logic = AlarmLogic(settings, FLOW_AND_HEAT)
    ones, found = np.ones(1, np.float32), []
    for number, (time_s, score) in enumerate(zip(times, ON_OFF, strict=True)):
        if number == restart_at:
            state = from_json(AlarmState, to_json(logic.state))
            logic = AlarmLogic(settings, FLOW_AND_HEAT)
            logic.state = state
        _, events = logic.update_many(np.array([float(time_s)]), np.array([score], np.float32), ones)
        found += [number for event in events if event.name == "alarm_started"]
    return found


@pytest.mark.parametrize("restart_at", [None, 5, 7])
@pytest.mark.parametrize("cool_down_s", [1.0, 4.0])
def test_one_time_in_the_future_silences_no_alarm(cool_down_s, restart_at):
    settings = AlarmSettings(cool_down_s=cool_down_s)
    wanted = starts(range(40), settings)
    times = [FUTURE if number == 4 else number for number in range(40)]
    found = starts(times, settings, restart_at)
    assert len(found) >= len(wanted)
    assert max(np.diff([*found, 40])) <= max(np.diff([*wanted, 40])) + 1, "none is late by more than a step"


@pytest.mark.parametrize("set_by", [-86_400, -3600, 3600, 1e9])
def test_clock_that_is_set_silences_no_alarm(set_by):
    settings = AlarmSettings(cool_down_s=3)
    times = [number + (set_by if number >= 10 else 0) for number in range(40)]
    assert len(starts(times, settings)) >= len(starts(range(40), settings)) - 1


def test_alarm_of_a_minimum_duration_ends_though_the_clock_was_wrong_when_it_began():
    alarms, events = run([2, 0, 0, 0, 0], AlarmSettings(min_duration_s=3), times=[FUTURE, 1, 2, 3, 4])
    assert alarms == "AAAA."
    assert events[-1].duration_s == 3


@pytest.mark.parametrize("creep", [0.0, 1e-6, -1.0])
def test_clock_that_stands_still_silences_no_alarm_in_a_live_stream(creep):
    logic, ones = AlarmLogic(AlarmSettings(cool_down_s=300), FLOW), np.ones(1, np.float32)
    begun = []
    for second in range(0, 1000, 10):
        score = np.array([2 * (second // 10 % 2)], np.float32)
        _, events = logic.update_many(np.array([creep * second]), score, ones, None, float(second))
        begun += [second for event in events if event.name == "alarm_started"]
    assert len(begun) >= 3
    assert max(np.diff(begun)) <= 300 + 60 + 20


def test_restarts_with_a_clock_that_stands_still_silence_no_alarm():
    settings, ones, begun = AlarmSettings(cool_down_s=100), np.ones(1, np.float32), []
    logic = AlarmLogic(settings, FLOW)
    for second in range(0, 1000, 10):
        if second % 50 == 40:
            state = from_json(AlarmState, to_json(logic.state))
            logic = AlarmLogic(settings, FLOW)
            logic.state = state
        score = np.array([2 * (second // 10 % 2)], np.float32)
        _, events = logic.update_many(np.zeros(1), score, ones, None, float(second))
        begun += [second for event in events if event.name == "alarm_started"]
    assert len(begun) >= 4
    assert max(np.diff(begun)) <= 100 + 60 + 100


def test_state_that_would_mute_alarms_mutes_them_no_longer_than_the_settings_say():
    logic, ones = AlarmLogic(AlarmSettings(cool_down_s=5), FLOW), np.ones(1, np.float32)
    logic.state = AlarmState(last_s=0.0, cool_down_s=1e12)
    alarms = [bool(logic.update_many(np.array([t]), 2 * ones, ones)[0][0]) for t in np.arange(1.0, 8.0)]
    assert alarms == [False] * 4 + [True] * 3


def test_every_forged_state_costs_one_cool_down_where_the_clock_stands_and_no_more():
    # Twice in one fault, as in a scenario of tests/endurance/chaos.py.
    logic, ones, second = AlarmLogic(AlarmSettings(cool_down_s=5), FLOW), np.ones(1, np.float32), 0.0
    for _ in range(2):
        logic.state = AlarmState(cool_down_s=1e12)
        forged_s = second
        while not logic.active:
            second += 1
            logic.update_many(np.zeros(1), 2 * ones, ones, None, second)
        assert 5 <= second - forged_s <= 5 + CHECK_S + 1


def test_clock_that_goes_backwards_gives_no_negative_duration():
    _, events = run([2, 2, 0], AlarmSettings(), times=[100, 50, 40])
    assert events[-1].duration_s == 0


@pytest.mark.parametrize(
    "values",
    [{"exit_ratio": 0}, {"exit_ratio": 1.1}, {"debounce": (2, 1)}, {"debounce": (0, 1)}, {"cool_down_s": -1}],
)
def test_settings_that_cannot_be_meant_are_refused(values):
    with pytest.raises(UsageError, match="Received"):
        AlarmSettings(**values)


SETTINGS = st.builds(
    lambda ratio, needed, more, least, cool: AlarmSettings(ratio, (needed, needed + more), least, cool),
    st.sampled_from([0.5, 0.8, 1.0]),
    st.integers(1, 3),
    st.integers(0, 3),
    st.sampled_from([0.0, 2.0]),
    st.sampled_from([0.0, 3.0]),
)
SCORES = st.lists(st.sampled_from([0.0, 0.4, 0.7, 0.9, 1.5, 3.0]), min_size=1, max_size=60)


@given(SETTINGS, SCORES, st.data())
def test_blocks_of_any_size_and_a_restart_give_the_same_alarms(settings, scores, data):
    scores = np.array(scores, np.float32)
    times, ones = np.arange(len(scores), dtype=float), np.ones_like(scores)
    whole, events = AlarmLogic(settings, FLOW).update_many(times, scores, ones)
    cut = data.draw(st.integers(0, len(scores)))
    first, second = AlarmLogic(settings, FLOW), AlarmLogic(settings, FLOW)
    left, left_events = first.update_many(times[:cut], scores[:cut], ones[:cut])
    second.state = from_json(AlarmState, to_json(first.state))
    right, right_events = second.update_many(times[cut:], scores[cut:], ones[cut:])
    assert np.concatenate([left, right]).tolist() == whole.tolist()
    assert left_events + right_events == events


@given(SETTINGS, SCORES)
def test_every_end_has_its_start(settings, scores):
    _, events = run(scores, settings)
    assert [event.name for event in events] == ["alarm_started", "alarm_ended"] * (len(events) // 2) + [
        "alarm_started"
    ] * (len(events) % 2)


def blamed_logic(ignored, **settings):
    logic = AlarmLogic(AlarmSettings(**settings), SensorFacts(("flow", "heat"), ("", ""), (1.0, 1.0)))
    logic.ignored = lambda: frozenset(ignored)
    return logic


def evidence(*shares):
    unknown = np.full((len(shares), 2), np.nan, np.float32)
    return Evidence(np.array(shares, np.float32), unknown, unknown)


@pytest.mark.parametrize(
    ("ignored", "share", "starts"),
    [((), 0.9, True), (("flow",), 0.6, False), (("flow",), 0.51, False), (("flow",), 0.49, True),
     (("heat",), 0.6, True),
     (("flow", "heat"), 0.5, False), (("fan",), 0.9, True)],
)  # fmt: skip
def test_no_alarm_starts_while_an_ignored_sensor_is_the_most_to_blame(ignored, share, starts):
    logic = blamed_logic(ignored)
    one = np.ones(1, np.float32)
    alarms, events = logic.update_many(np.zeros(1), 2 * one, one, evidence((share, 1 - share)))
    assert (bool(alarms[0]), len(events), logic.hushed) == (starts, int(starts), int(not starts))


def test_current_alarm_of_a_sensor_ends_as_soon_as_it_is_ignored():
    logic = blamed_logic((), min_duration_s=60.0)
    one = np.ones(1, np.float32)
    logic.update_many(np.zeros(1), 2 * one, one, evidence((0.9, 0.1)))
    logic.ignored = lambda: frozenset({"flow"})
    alarms, events = logic.update_many(np.ones(1), 2 * one, one, evidence((0.9, 0.1)))
    assert not alarms[0]
    assert [event.name for event in events] == ["alarm_ended"]


def test_debounce_counts_scores_of_ignored_sensors_as_quiet():
    logic = blamed_logic(("flow",), debounce=(2, 3))
    times, twos, ones = np.arange(4.0), np.full(4, 2, np.float32), np.ones(4, np.float32)
    shares = evidence((0.9, 0.1), (0.1, 0.9), (0.9, 0.1), (0.1, 0.9))
    alarms, _ = logic.update_many(times, twos, ones, shares)
    assert alarms.tolist() == [False, False, False, True]


def test_alarm_without_blame_starts_whatever_is_ignored():
    logic = blamed_logic(("flow", "heat"))
    one = np.ones(1, np.float32)
    assert logic.update_many(np.zeros(1), 2 * one, one)[0][0]
    logic = blamed_logic(("flow", "heat"))
    assert logic.update_many(np.zeros(1), 2 * one, one, evidence((0.0, 0.0)))[0][0]
