"""The table of machines: conditions, changes, and what is forgotten."""

import json

from hypothesis import given
from hypothesis import strategies as st
from simulated_fleet import info, state, status

from saelite.watching.conditions import MachineCondition
from saelite.watching.fleet_machine import SILENT_S
from saelite.watching.fleet_page_table import FleetTable
from saelite.watching.inbox import Letter

NOW_S = 1_790_000_000.0
CONNECTED_S = NOW_S - 10


def letter(content, *, is_retained=False):
    payload = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Letter(payload, is_retained)


def taken(*messages, table=None, now_s=NOW_S, connected_s=CONNECTED_S, **options):
    """Return a table that took (topic, content) messages, one after the other."""
    table = table or FleetTable()
    for topic, content in messages:
        base, _, kind = topic.rpartition("/")
        table.take({(base, kind): letter(content, **options)}, now_s, connected_s)
    return table


def condition(table, base="s/gw/pump"):
    return table.machines[base].condition.value


PUMP = (("s/gw/pump/info", info()), ("s/gw/pump/availability", b"online"), ("s/gw/pump/status", status()))


def test_machine_appears_by_its_first_message_and_is_well_with_its_first_result():
    table = taken(*PUMP)
    assert condition(table) == "starting"
    assert condition(taken(("s/gw/pump/state", state()), table=table)) == "well"
    (facts,) = table.since(0)["facts"]
    assert (facts["name"], facts["host"], facts["model"], facts["version"]) == ("pump", "gateway", "pump", "3")


def test_alarm_stays_first_whatever_else_happens():
    table = taken(*PUMP, ("s/gw/pump/state", state(3, alarm=True, since_s=NOW_S - 60, blame="flow 3, expected 9 ± 1")))
    machine = table.machines["s/gw/pump"]
    assert (machine.condition, machine.since_s, machine.facts()["blame"]) == (
        MachineCondition.ALARM, NOW_S - 60, "flow 3, expected 9 ± 1",
    )  # fmt: skip
    taken(("s/gw/pump/availability", b"offline"), table=table)
    assert condition(table) == "alarm"
    assert machine.facts()["online"] is False


def test_silent_source_and_lost_process_are_told_apart():
    table = taken(*PUMP, ("s/gw/pump/state", state()), ("s/gw/pump/availability", b"offline"))
    assert condition(table) == "offline"
    assert condition(taken(("s/gw/pump/status", status(stale=True)), table=table)) == "stale"
    assert condition(taken(("s/gw/pump/status", status(stale=False)), table=table)) == "offline"
    assert table.machines["s/gw/pump"].pulse()[1] is None, "an old score tells nothing of now"


def test_machine_that_falls_silent_is_offline_unless_nobody_could_hear_it():
    table = taken(*PUMP, ("s/gw/pump/state", state()))
    later_s = NOW_S + SILENT_S + 1
    table.take({}, later_s, later_s)
    assert condition(table) == "well"
    table.take({}, later_s + 2, CONNECTED_S)
    assert condition(table) == "offline"
    assert table.machines["s/gw/pump"].since_s == NOW_S


def test_drift_near_its_limit_does_not_move_a_machine_to_and_fro():
    table = taken(*PUMP)
    seen = []
    for drift in (1.9, 2.1, 1.9, 1.7, 1.9):
        taken(("s/gw/pump/state", state(drift=drift)), table=table)
        seen.append(condition(table))
    assert seen == ["well", "drifting", "drifting", "well", "well"]


def test_old_state_that_the_broker_kept_tells_when_the_machine_was_last_seen():
    table = taken(
        ("s/gw/pump/state", state(time_s=NOW_S - 7200)), ("s/gw/pump/availability", b"offline"), is_retained=True
    )
    assert table.machines["s/gw/pump"].since_s == NOW_S - 7200


def test_things_that_are_merely_online_are_no_machines_until_saelite_speaks():
    table = taken(("zigbee/lamp/availability", b"online"), ("zigbee/lamp/state", {"state": "ON"}))
    assert not table.machines
    assert condition(taken(("zigbee/lamp/state", state()), table=table), "zigbee/lamp") == "well"


def test_cleared_topic_removes_a_machine_and_tells_the_pages():
    table = taken(*PUMP, ("s/gw/pump/state", state()))
    change, number = table.change, table.machines["s/gw/pump"].number
    taken(("s/gw/pump/state", b""), table=table)
    assert not table.machines
    assert table.since(change)["gone"] == [number]


def test_flood_of_machines_is_counted_and_those_that_were_there_stay():
    table = taken(*PUMP, table=FleetTable(most=10))
    taken(*((f"flood/{number}/state", state()) for number in range(100)), table=table)
    taken(*((f"flood/{number}/availability", b"online") for number in range(100, 200)), table=table)
    assert len(table.machines) == 10
    assert "s/gw/pump" in table.machines
    assert table.refused == 91
    assert len(table._others) <= 10


def test_worst_comes_first_then_by_name():
    table = taken(
        ("s/c/state", state()), ("s/b/state", state(learning=True)), ("s/a/state", state()),
        ("s/z/state", state(2, alarm=True)), ("s/y/state", state()), ("s/y/availability", b"offline"),
    )  # fmt: skip
    assert [machine.name for machine in table.worst_first()] == ["z", "y", "b", "a", "c"]


class Client:
    """What a page does with what it is sent."""

    def __init__(self):
        self.seen, self.facts, self.pulses = 0, {}, {}

    def look(self, table):
        if table.news <= self.seen:
            return
        news = table.since(self.seen)
        if news["all"]:
            self.facts, self.pulses = {}, {}
        for number in news["gone"]:
            self.facts.pop(number, None), self.pulses.pop(number, None)
        self.facts |= {one["id"]: one for one in news["facts"]}
        self.pulses |= {one[0]: one for one in news["pulses"]}
        self.seen = table.change


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["look", "alarm", "well", "offline", "online", "gone", "info", "later"]), st.integers(0, 3)
    ),
    max_size=60,
)
CONTENTS = {
    "alarm": ("state", state(3, alarm=True, time_s=NOW_S)), "well": ("state", state(time_s=NOW_S)),
    "offline": ("availability", b"offline"), "online": ("availability", b"online"), "gone": ("state", b""),
    "info": ("info", info()),
}  # fmt: skip


@given(acts=ACTS, kept=st.integers(1, 3))
def test_client_that_looks_now_and_then_has_the_same_table_as_one_that_comes_last(acts, kept):
    table, client, now_s = FleetTable(most_gone=kept), Client(), NOW_S
    for act, number in acts:
        if act == "look":
            client.look(table)
        elif act == "later":
            now_s += 40
            table.take({}, now_s, CONNECTED_S)
        else:
            kind, content = CONTENTS[act]
            table.take({(f"s/{number}", kind): letter(content)}, now_s, CONNECTED_S)
    client.look(table)
    last = Client()
    last.look(table)
    assert (client.facts, client.pulses) == (last.facts, last.pulses)
