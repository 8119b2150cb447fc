"""A fleet that publishes what the MQTT sink of each machine would, through one client.

    python tests/support/simulated_fleet.py PORT MACHINES SECONDS

publishes the retained topics of all machines, then a state of each per second.
"""

import json
import random
import sys
import time
from contextlib import contextmanager

from edge_runtime.streaming.results import time_text

KINDS = ("press", "pump", "fan", "mixer", "lathe")
BLAME = (
    "bearing 84.1 °C, expected 61.2 ± 1.9; flow 30.00 l/min, expected 33.00 ± 0.50",
    "vibration 0.0093 m/s, expected 0.0041 ± 0.0006",
    "current 3.87 A, expected 2.10 ± 0.11; torque 41 Nm, expected 22 ± 2",
)


@contextmanager
def publisher(port):
    """Yield a function that publishes a retained message and waits until the broker has it."""
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion

    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()

    def publish(topic, payload, *, retain=True, wait=True):
        content = payload if isinstance(payload, (bytes, str)) else json.dumps(payload)
        sent = client.publish(topic, content, qos=1, retain=retain)
        if wait:
            sent.wait_for_publish(20)

    try:
        yield publish
    finally:
        client.disconnect()
        client.loop_stop()


def state(ratio=0.4, *, alarm=False, since_s=None, time_s=None, blame="", drift=0.5, learning=False):
    """Return the content of BASE/state."""
    return {
        "time": time_text(time.time() if time_s is None else time_s), "score": ratio, "threshold": 1.0, "alarm": alarm,
        "since": None if since_s is None else time_text(since_s), "learning": learning,
        "blamed": blame.partition(" ")[0], "explanation": blame,
        "sensors": {"bearing": 0.3, "flow": 0.1, "current": 0.05}, "drift": drift,
    }  # fmt: skip


def info(machine="pump", host="gateway", *, page=""):
    """Return the content of BASE/info."""
    return {"machine": machine, "host": host, "page": page}


def status(read=100, *, stale=False, model="pump", version=3, limit=2.0, **more):
    """Return the content of BASE/status."""
    facts = {"model": model, "model_version": version, "drift_limit": limit}
    return {"read": read, "scored": read, "stale": stale} | facts | more


class Machines:
    """Machines of five kinds, a few of which are in alarm, offline, stale, drifting or still learning."""

    def __init__(self, count, seed=1):
        self.rng = random.Random(seed)
        self.names = [f"{KINDS[number % 5]}-{number // 5 + 1}" for number in range(count)]
        self.hosts = [f"gateway-{number // 12 + 1:02d}" for number in range(count)]
        self.bases = [f"saelite/{host}/{name}" for host, name in zip(self.hosts, self.names, strict=True)]
        self.levels = [self.rng.uniform(0.25, 0.7) for _ in range(count)]
        order = self.rng.sample(range(count), count)
        few = max(1, count // 120)
        self.groups = {name: set(order[place * few : (place + 1) * few]) for place, name in enumerate(
            ("alarm", "offline", "stale", "drifting", "learning"))}  # fmt: skip
        self.began_s = time.time()

    def is_in(self, number, *groups):
        return any(number in self.groups[group] for group in groups)

    def state(self, number, time_s):
        alarm = self.is_in(number, "alarm")
        ratio = self.rng.uniform(1.6, 4) if alarm else max(0.05, self.levels[number] + self.rng.gauss(0, 0.06))
        since_s = self.began_s - 60 * (1 + number * 7 % 300) if alarm else None
        drift = self.rng.uniform(2.2, 2.6) if self.is_in(number, "drifting") else self.rng.uniform(0.3, 0.9)
        return state(
            round(ratio, 4), alarm=alarm, since_s=since_s, time_s=time_s, blame=BLAME[number % 3] if alarm else "",
            drift=round(drift, 4), learning=self.is_in(number, "learning"),
        )  # fmt: skip

    def status(self, number, read):
        learning = {"to_learn": 37} if self.is_in(number, "learning") else {}
        kind, version = self.names[number].partition("-")[0], 14 if number % 9 else 13
        return status(read, stale=self.is_in(number, "stale"), model=kind, version=version, **learning)

    def publish_retained(self, publish):
        for number, base in enumerate(self.bases):
            age_s = 19_080 if self.is_in(number, "offline") else 400 if self.is_in(number, "stale") else 0
            facts = info(self.names[number], self.hosts[number], page=f"http://{self.hosts[number]}:8090/")
            away = self.is_in(number, "offline", "stale")
            publish(f"{base}/info", facts, wait=False)
            publish(f"{base}/state", self.state(number, self.began_s - age_s), wait=False)
            publish(f"{base}/status", self.status(number, 100), wait=False)
            publish(f"{base}/availability", "offline" if away else "online", wait=number == len(self.bases) - 1)

    def run(self, publish, seconds):
        """Publish a state of each machine per second, spread over it, and its counts every ten."""
        start_s = time.monotonic()
        for second in range(seconds):
            for number, base in enumerate(self.bases):
                wait_s = start_s + second + number / len(self.bases) - time.monotonic()
                if wait_s > 0.002:
                    time.sleep(wait_s)
                if not self.is_in(number, "offline", "stale"):
                    publish(f"{base}/state", self.state(number, time.time()), wait=False)
                if (second + number) % 10 == 0 and not self.is_in(number, "offline"):
                    publish(f"{base}/status", self.status(number, 100 + second), wait=False)


if __name__ == "__main__":
    port, count, seconds = map(int, sys.argv[1:])
    with publisher(port) as publish:
        machines = Machines(count)
        machines.publish_retained(publish)
        machines.run(publish, seconds)
