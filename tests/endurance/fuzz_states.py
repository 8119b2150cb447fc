"""State files with any value anywhere, and a checksum that fits: refused, or harmless.

    PYTHONPATH=.:tests/support python tests/endurance/fuzz_states.py [STATES] [SEED]

A stream that goes on from one must score, and must alarm within its cool-down. Exit code 1 if one does not.
"""

from __future__ import annotations

import json
import sys
import tempfile
from copy import deepcopy
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.inference.detector import Detector
from edge_runtime.model_file.json_codec import to_json
from edge_runtime.signal.readings import Readings
from edge_runtime.sinks.text import event_json
from edge_runtime.streaming.alarm_settings import AlarmSettings
from edge_runtime.streaming.judging import AdaptationSettings
from edge_runtime.streaming.monitor import Monitor
from edge_runtime.streaming.monitor_settings import MonitorSettings
from edge_runtime.streaming.state import StateError, StreamState, read_state
from edge_runtime.streaming.unwritten import Unwritten

_VALUES: tuple[Any, ...] = (
    0, 1, -1, 2**31, 2**63, 10**400, 0.5, -0.5, 1e12, 4.1e9, 1e300, -1e300, float("nan"), float("inf"), None, True, "",
    "x", [], [1.0], [[1.0]], [[]], {}, [1e300] * 3, [0.0] * 600,
)  # fmt: skip
_COOL_DOWN_S = 5.0


def stream_of(detector: Detector) -> Monitor:
    """Return a stream that remembers all there is to remember."""
    adaptation = AdaptationSettings(mean_rate=0.01, scale_rate=0.01, adapt="spot")
    return Monitor(detector, MonitorSettings(AlarmSettings(cool_down_s=_COOL_DOWN_S), adaptation))


def changed(state: dict[str, Any], rng: np.random.Generator) -> bytes:
    """Return the file of a state with one to three values replaced."""
    data = json.loads(json.dumps(state))
    for _ in range(rng.integers(1, 4)):
        place: Any = data
        while True:
            keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
            key = keys[int(rng.integers(0, len(keys)))]
            if not isinstance(place[key], (dict, list)) or not place[key] or rng.random() < 0.3:
                break
            place = place[key]
        place[key] = deepcopy(_VALUES[int(rng.integers(0, len(_VALUES)))])
    text = json.dumps(data)
    return f'{{"sha256": "{sha256(text.encode()).hexdigest()}", "state": {text}}}'.encode()


def announce(state: StreamState) -> None:
    """Write the events that a state says were not written, as sinks do."""
    for owed in state.unwritten:
        for event in owed.events:
            json.loads(event_json(event))


def fuzz(detector: Detector, rows: Any, states: int, seed: int) -> tuple[int, list[str]]:
    """Return how many states were taken, and what went wrong."""
    stream = stream_of(detector)
    fault = rows[:20] + 1000 * np.abs(rows).max(axis=0)
    stream.push(Readings(np.arange(len(rows), dtype=float), rows))
    events = stream_of(detector).push(Readings(np.arange(20.0), fault)).events
    state = replace(stream.state, unwritten=(Unwritten.of("a.jsonl", events),))
    good, rng, taken, problems = to_json(state), np.random.default_rng(seed), 0, []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.json"
        for number in range(states):
            path.write_bytes(changed(good, rng))
            try:
                state = read_state(path)
            except StateError:
                continue
            taken += 1
            again = stream_of(detector)
            if state is not None:
                again.restore(state)
                announce(state)
            again.push(Readings(len(rows) + np.arange(20.0), fault))
            if not again.alarm.active or not again.counters.scored:
                problems.append(f"state {number}: no alarm of a fault of 20 readings")
    return taken, problems


def main(states: int, seed: int) -> int:
    """Fuzz, and print."""
    from streaming_machine import rows_of, write_model

    with tempfile.TemporaryDirectory() as folder:
        write_model(Path(folder) / "m.tflite")
        detector = Detector.load(Path(folder) / "m.tflite", runtime="numpy")
    taken, problems = fuzz(detector, rows_of(1500).astype(np.float64), states, seed)
    print("\n".join([*problems[:20], f"{states:,} states, {taken:,} taken, {len(problems)} with problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:3]]
    sys.exit(main(*(numbers + [100_000, 1][len(numbers) :])))
