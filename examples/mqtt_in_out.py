"""Readings from one MQTT topic, scores to another: python mqtt_in_out.py pump.tflite HOST PORT."""

import json
import sys

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from edge_runtime import Detector

stream = Detector.load(sys.argv[1]).stream()
client = Client(CallbackAPIVersion.VERSION2)
client.on_connect = lambda client, *_: client.subscribe("pump/readings")


def score(client: Client, _data: object, message: MQTTMessage) -> None:
    """Answer a reading with its score."""
    result = stream.update(json.loads(message.payload))
    if result is not None:
        client.publish("pump/score", json.dumps({"score": result.score, "anomaly": result.is_anomaly}))


client.on_message = score
client.connect(sys.argv[2], int(sys.argv[3]))
client.loop_forever()
