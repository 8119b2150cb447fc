"""A fleet and a real broker: what machines publish is what the table holds."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("paho.mqtt.client", reason="the extra mqtt is not installed")

from broker import MOSQUITTO, free_port, mosquitto
from live_process import until
from page_client import scored
from simulated_fleet import info, publisher, state

from edge_runtime.common.counters import Counters
from edge_runtime.common.mqtt_client import MqttAddress
from edge_runtime.errors import BrokerError, UsageError
from edge_runtime.inference.detector import Detector
from edge_runtime.sinks.mqtt_sink import MqttSink
from edge_runtime.sinks.sink import StreamInfo
from edge_runtime.streaming.alarm_events import AlarmStarted
from edge_runtime.streaming.blame import Blamed
from edge_runtime.streaming.health import Health
from saelite.watching.conditions import MachineCondition
from saelite.watching.fleet_page_table import FleetTable
from saelite.watching.inbox import Inbox
from saelite.watching.subscription import Subscription, checked_prefix
from saelite.watching.watch import look_once

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
ROOT = Path(__file__).parents[3]
PUMP = "saelite/plant-7/pump"


class Watched:
    """A table that is read from a broker, step by step."""

    def __init__(self, port):
        self.told, self.table, self.inbox = [], FleetTable(), Inbox()
        self.subscription = Subscription(
            MqttAddress.parse(f"mqtt://127.0.0.1:{port}", ()), self.inbox, self.told.append
        )

    def read(self):
        self.table.take(self.inbox.take(), time.time(), self.subscription.link.since_s)
        return self.table.machines

    def is_in(self, condition, base=PUMP):
        machine = self.read().get(base)
        return machine is not None and machine.condition is condition


@pytest.fixture
def watched(broker):
    found = Watched(broker)
    yield found
    found.subscription.close()


def sink(port, spec=""):
    address = MqttAddress.parse(f"mqtt://127.0.0.1:{port}{spec}", ("interval", "discovery", "page"))
    opened = MqttSink(address, StreamInfo("pump", ("flow", "heat"), 1.0, 2.0, host="plant 7"), print)
    until(opened._client.is_connected)
    return opened


def test_machine_is_followed_from_its_first_result_to_its_end(broker, watched):
    pump = sink(broker, "?interval=0&page=http://plant-7:8090/")
    pump.write(scored(0.4))
    base = "saelite/plant_7/pump"
    until(lambda: watched.is_in(MachineCondition.WELL, base))
    facts = watched.table.machines[base].facts()
    assert (facts["name"], facts["host"], facts["page"]) == ("pump", "plant 7", "http://plant-7:8090/")
    pump.write(
        scored(3.0, alarm=True, events=[AlarmStarted(999.0, 3.0, 1.0, (Blamed("heat", 0.9, 84.1, 61.2, 1.9, "°C"),))])
    )
    until(lambda: watched.is_in(MachineCondition.ALARM, base))
    found = watched.table.machines[base]
    assert (found.since_s, found.facts()["blame"]) == (999.0, "heat 84.1 °C, expected 61.2 ± 1.9")
    pump.write(scored(0.4))
    until(lambda: watched.is_in(MachineCondition.WELL, base))
    pump.health(Health(True, 10.0, 1000.0, 1000.0, ()))
    until(lambda: watched.is_in(MachineCondition.STALE, base))
    pump.health(Health(False, 10.0, 1000.0, 1000.0, ()))
    until(lambda: watched.is_in(MachineCondition.WELL, base))
    pump.status(Counters(read=3, scored=3))
    pump.close()
    until(lambda: watched.is_in(MachineCondition.OFFLINE, base))


def test_machine_that_is_learnt_says_how_far_it_is(broker, watched):
    import dataclasses

    pump = sink(broker)
    pump.status(Counters(to_learn=75))
    pump.write(dataclasses.replace(scored(0.4), learning=True))
    base = "saelite/plant_7/pump"
    until(lambda: watched.is_in(MachineCondition.LEARNING, base) and watched.table.machines[base].status is not None)
    assert watched.table.machines[base].facts()["learnt"] == pytest.approx(0.25)
    pump.close()


def test_model_version_and_limit_are_those_of_the_file(broker, watched, model_path):
    manifest = Detector.load(model_path).manifest
    address = MqttAddress.parse(f"mqtt://127.0.0.1:{broker}/saelite/gw/pump", ())
    pump = MqttSink(address, StreamInfo("pump", ("flow",), 1.0, 2.0, manifest=manifest), print)
    until(pump._client.is_connected)
    pump.status(Counters(read=1))
    until(lambda: "saelite/gw/pump" in watched.read() and watched.table.machines["saelite/gw/pump"].status is not None)
    facts = watched.table.machines["saelite/gw/pump"].facts()
    assert (facts["model"], facts["version"]) == (manifest.name, str(manifest.version or ""))
    assert facts["limit"] == pytest.approx(manifest.drift.limit, rel=1e-5)
    pump.close()


def test_retained_state_makes_machines_appear_at_once(broker):
    with publisher(broker) as publish:
        for number in range(40):
            publish(f"saelite/gateway/pump{number}/state", state(), wait=False)
            publish(f"saelite/gateway/pump{number}/info", info(f"pump {number}"))
    table = look_once(MqttAddress.parse(f"mqtt://127.0.0.1:{broker}", ()), print)
    assert len(table.machines) == 40
    assert {machine.info.machine for machine in table.machines.values()} == {f"pump {number}" for number in range(40)}


def test_lost_broker_is_told_once_and_found_again(tmp_path):
    port = free_port()
    with mosquitto(tmp_path, port):
        watched = Watched(port)
        until(lambda: watched.subscription.link.is_connected)
        with publisher(port) as publish:
            publish(f"{PUMP}/state", state())
            until(lambda: watched.is_in(MachineCondition.WELL))
    until(lambda: watched.subscription.link.state == "lost")
    with mosquitto(tmp_path, port):
        until(lambda: watched.subscription.link.is_connected)
        with publisher(port) as publish:
            publish(f"{PUMP}/state", state(3, alarm=True))
            until(lambda: watched.is_in(MachineCondition.ALARM))
        assert sum("retrying" in line for line in watched.told) == 1
        watched.subscription.close()


def test_password_comes_from_the_environment(tmp_path, monkeypatch):
    passwords = tmp_path / "passwords"
    subprocess.run(
        ["mosquitto_passwd", "-b", "-c", str(passwords), "kim", "secret"], check=True, stderr=subprocess.DEVNULL
    )
    options = ["allow_anonymous false", f"password_file {passwords}", "user root"]
    with mosquitto(tmp_path, options=options) as port:
        address = MqttAddress.parse(f"mqtt://127.0.0.1:{port}", ())
        with pytest.raises(BrokerError, match=r"[Nn]ot authorized.*SAELITE_MQTT_USERNAME"):
            look_once(address, print)
        monkeypatch.setenv("SAELITE_MQTT_USERNAME", "kim")
        monkeypatch.setenv("SAELITE_MQTT_PASSWORD", "secret")
        assert not look_once(address, print).machines


@pytest.mark.parametrize("prefix", ["a#/b", "#/b", "a+/b", "a/\0"])
def test_prefix_that_no_broker_accepts_is_refused(prefix):
    with pytest.raises(UsageError, match="prefix"):
        checked_prefix(prefix)


def once(port, *options, **environment):
    return subprocess.run(
        [sys.executable, "-m", "saelite", "fleet", "watch", f"mqtt://127.0.0.1:{port}", *options],
        capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
    )  # fmt: skip


def test_table_in_the_terminal_lists_the_worst_first_and_tells_scripts(broker):
    with publisher(broker) as publish:
        publish("saelite/gw/fan/state", state())
        found = once(broker, "--once")
        assert (found.returncode, found.stdout.splitlines()[0]) == (0, "the machine is well")
        publish("saelite/gw/saw/info", info("saw\x1b]0;owned\x07", "gw"))
        publish("saelite/gw/saw/state", state(3, alarm=True, blame="heat 84.1 °C, expected 61.2 ± 1.9"))
        found = once(broker, "--once")
    assert found.returncode == 1
    lines = found.stdout.splitlines()
    assert lines[0] == "1 of 2 machines needs a look: 1 alarm"
    assert [line.split()[0] for line in (lines[2], *lines[4:])] == ["state", "alarm", "well"]
    assert "heat 84.1 °C, expected 61.2 ± 1.9" in lines[4]
    assert "\x1b" not in found.stdout


def test_broker_that_is_not_there_ends_the_table_with_a_reason():
    found = once(free_port(), "--once")
    assert found.returncode == 1
    assert "cannot be reached" in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize(
    ("listen", "words"),
    [("0.0.0.0:0", "SAELITE_WEB_TOKEN"), ("here", "--listen"), ("127.0.0.1:99999", "--listen")],
)
def test_page_is_not_served_where_it_must_not_be(broker, listen, words):
    found = once(broker, "--listen", listen)
    assert found.returncode == 2
    assert words in found.stderr


def test_broken_publisher_harms_nobody(broker, watched):
    rng = np.random.default_rng(0)
    with publisher(broker) as publish:
        publish(f"{PUMP}/state", b"x" * 1_000_000)
        for number in range(2000):
            publish(f"saelite/{number}/{rng.integers(9)}/state", rng.bytes(50), retain=False, wait=False)
        publish(f"{PUMP}/state", '{"score": NaN, "threshold": 1e999, "alarm": true, "blamed": "<b>"}')
        until(lambda: watched.is_in(MachineCondition.ALARM))
    assert list(watched.table.machines) == [PUMP]
