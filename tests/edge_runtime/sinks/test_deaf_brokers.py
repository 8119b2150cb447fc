"""Brokers that do not acknowledge, and what subscribers see of a stream that is stale."""

import json
import socket
import threading
from contextlib import suppress

import numpy as np
import pytest
from live_process import line, start, until
from machines import SENSORS, pump_rows
from numbered_results import results

from edge_runtime.common.mqtt_client import MqttAddress
from edge_runtime.sinks import mqtt_sink as mqtt
from edge_runtime.sinks.sink import StreamInfo
from edge_runtime.streaming.health import Health, StreamStale


@pytest.fixture
def deaf_broker():
    """A broker that accepts a client and acknowledges nothing it publishes: its port, and what it has heard."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop, heard = threading.Event(), bytearray()

    def serve():
        with suppress(OSError):
            client, _ = listener.accept()
            with client:
                client.recv(4096)
                client.sendall(b"\x20\x02\x00\x00")
                client.settimeout(0.1)
                while not stop.is_set():
                    with suppress(TimeoutError):
                        heard.extend(client.recv(65536))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1], heard
    stop.set()
    listener.close()
    thread.join()


def test_broker_that_acknowledges_nothing_fills_no_memory(deaf_broker, monkeypatch):
    monkeypatch.setattr(mqtt, "_ACKNOWLEDGED_S", 0.001)
    monkeypatch.setattr(mqtt, "_PATIENCE_S", 0.1)
    port, _ = deaf_broker
    address = MqttAddress("127.0.0.1", port, tls=False, topic="x", options={"interval": "0", "discovery": ""})
    sink = mqtt.MqttSink(address, StreamInfo("m", ("flow",), 1.0, np.inf), lambda _: None)
    until(sink._client.is_connected)
    for number in range(0, 3000, 10):
        sink.write(results(number, 10, events=(5,)))
    assert len(sink._sent) <= 2 * mqtt._MOST_UNACKNOWLEDGED
    assert len(sink._client._out_messages) <= 2 * mqtt._MOST_UNACKNOWLEDGED + 2
    assert sink.dropped > 2000
    sink.close()


def test_stale_stream_is_offline_and_its_entities_expire(deaf_broker):
    port, heard = deaf_broker
    sink = mqtt.MqttSink(
        MqttAddress("127.0.0.1", port, tls=False, topic="x", options={}),
        StreamInfo("m", ("flow",), 1.0, np.inf),
        lambda _: None,
    )
    until(lambda: b"online" in heard)
    assert b"offline" not in heard
    event = StreamStale(1.7e9, 31.0, "readings")
    sink.health(Health(stale=True, stale_after_s=30.0, last_reading_s=None, last_result_s=None, events=(event,)))
    until(lambda: heard.count(b'"expire_after": 120') >= 4)
    assert b'"event": "stream_stale"' in heard
    assert heard.count(b"offline") == 1
    sink._client.disconnect()
    sink._client.loop_stop()


def test_home_assistant_is_told_when_a_state_is_too_old(tmp_path, model_path):
    from broker import MOSQUITTO, mosquitto, retained

    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed")
    with mosquitto(tmp_path) as port:
        sink = f"mqtt://127.0.0.1:{port}/pump"
        process = start(model_path, "--source", "-", "--sink", sink, "--stale-after", "2s", cwd=tmp_path)
        process.stdin.write((",".join(SENSORS) + "\n").encode() + b"".join(map(line, pump_rows(5))))
        until(lambda: retained(port, "pump/availability", 1) == {"pump/availability": "online"})
        until(lambda: retained(port, "pump/availability", 1) == {"pump/availability": "offline"})
        topic = "homeassistant/sensor/saelite_pump/score/config"
        assert json.loads(retained(port, topic, 1)[topic])["expire_after"] == 60
        process.kill()
        process.communicate()
