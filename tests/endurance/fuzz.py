"""Anything at all into the sources of lines: readings or a SaeliteError, never another exception.

    PYTHONPATH=.:tests/support python tests/endurance/fuzz.py [INPUTS] [SEED]

Each input goes into each of five sources, and from there through a stream: bytes, cut into chunks at random, as CSV
with a header, as CSV without, and as JSON; through a serial port on a pseudo-terminal; as MQTT messages. It prints how
many inputs and lines there were. `fuzz_coverage.py` does the same guided by coverage.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import tempfile
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from machines import SENSORS

from edge_runtime import Detector
from edge_runtime.common.mqtt_client import MqttAddress
from edge_runtime.errors import SaeliteError
from edge_runtime.signal.readings import Readings
from edge_runtime.sources.json_decoder import JsonDecoder
from edge_runtime.sources.mqtt_source import MqttSource
from edge_runtime.sources.serial_port import SerialSource
from edge_runtime.streaming.monitor import Monitor
from edge_runtime.streaming.monitor_settings import MonitorSettings
from edge_runtime.tables.csv_decoder import CsvDecoder
from edge_runtime.tables.lines import LineSplitter

CELLS = st.one_of(
    st.sampled_from(
        ["1", "-2.5e3", "", "nan", "inf", "1e400", "x", '"', '"1', "1,5", "0x1f", "1_0", "٣", "\x00", *SENSORS]
    ),
    st.floats().map(str),
    st.text(max_size=8),
)
TEXT_LINES = st.one_of(
    st.lists(CELLS, min_size=3, max_size=6).map(",".join),
    st.lists(CELLS, min_size=4, max_size=5).map(";".join),
    st.dictionaries(st.sampled_from([*SENSORS, "time", "x"]), CELLS).map(json.dumps),
    st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5), st.lists, max_leaves=8).map(json.dumps),
    st.text(max_size=40),
    st.sampled_from(
        ["[" * 3000, "9" * 5000, ",".join(SENSORS), "time," + ",".join(SENSORS), "1,2,3,4", "2020-01-01,1,2,3,4"]
    ),
)
NUMBERS = st.integers(-1000, 1000) | st.floats(width=32)
READINGS = st.lists(NUMBERS, min_size=len(SENSORS), max_size=len(SENSORS))
CSV_READINGS = READINGS.map(lambda values: ",".join(map(str, values)))
JSON_READINGS = READINGS.map(lambda values: json.dumps(dict(zip(SENSORS, values, strict=True))))
CONTENT = st.one_of(
    st.lists(CSV_READINGS, max_size=12).map(lambda lines: "\n".join([",".join(SENSORS), *lines]).encode()),
    st.lists(CSV_READINGS | TEXT_LINES, max_size=12).map(lambda lines: "\n".join([",".join(SENSORS), *lines]).encode()),
    st.lists(JSON_READINGS, max_size=12).map(lambda lines: "\n".join(lines).encode()),
    st.lists(TEXT_LINES, max_size=12).map(lambda lines: "\n".join(lines).encode("utf-8", "surrogatepass")),
    st.binary(max_size=300),
)
CUTS = st.lists(st.integers(0, 400), max_size=3)
POLICIES = st.sampled_from(["skip", "hold", "interpolate", "error"])
MANY = {"deadline": None, "database": None, "phases": [Phase.generate], "suppress_health_check": list(HealthCheck)}
WITH_HEADER, WITHOUT, JSON = FORMS = "CSV with header", "CSV without", "JSON"
_MOST_WRITTEN = 1000

Take = Callable[[bytes, list[int], str, str], None]
"""Takes an input, where to cut it, what to do with missing values, and the form it has."""


class Ran(NamedTuple):
    """How many inputs and lines went into each source."""

    inputs: int
    lines: int


def decoder_of(form: str) -> CsvDecoder | JsonDecoder:
    """Return a decoder."""
    return JsonDecoder(SENSORS) if form == JSON else CsvDecoder(SENSORS, "fuzz", header=form == WITH_HEADER)


@contextmanager
def watched(detector: Detector, policy: str) -> Iterator[Callable[[Readings], None]]:
    """Yield a function that takes readings into a stream; every score must be finite, every reading accounted for."""
    stream = Monitor(detector, MonitorSettings(on_missing=policy))

    def take(readings):
        assert np.isfinite(stream.push(readings).scores).all()
        stream.raise_refusal()

    with suppress(SaeliteError):
        yield take
        stream.end()
        counters = stream.counters
        assert counters.read == counters.scored + counters.filling + counters.skipped


def feed(detector: Detector, content: bytes, cuts: list[int], policy: str, form: str) -> None:
    """Give bytes to the parts of a source, in chunks, and its readings to a stream."""
    splitter, decoder = LineSplitter(), decoder_of(form)
    batches = [splitter.feed(chunk) for chunk in chunks(content, cuts)]
    with watched(detector, policy) as take:
        for lines in [*batches, splitter.end(complete=True)]:
            if lines:
                take(decoder.decode(lines))


def chunks(content: bytes, cuts: list[int]) -> list[bytes]:
    """Return content cut into pieces."""
    edges = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    return [content[start:stop] for start, stop in itertools.pairwise(edges)]


@contextmanager
def serial_port(detector: Detector) -> Iterator[Take]:
    """Yield what writes an input to a serial port on a pseudo-terminal."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)

    def take(content, cuts, policy, form):
        port = SerialSource(os.ttyname(theirs), 9600, decoder_of(form), len(SENSORS))
        edges = [*cuts, *range(0, len(content), _MOST_WRITTEN)]
        with closing(port), watched(detector, policy) as push:
            for chunk in filter(None, [*chunks(content, edges), b"\n"]):
                os.write(ours, chunk)
                push(port.poll(1.0))

    yield take
    os.close(ours)
    os.close(theirs)


@contextmanager
def messages(detector: Detector) -> Iterator[Take]:
    """Yield what lets an input arrive as MQTT messages, whole and line by line."""
    # Nobody listens on port 9: the client goes on trying in its thread while messages come as it would give them.
    address = MqttAddress.parse("mqtt://127.0.0.1:9/plant", ())
    sources = {form: MqttSource(address, decoder_of(form), len(SENSORS), lambda _: None) for form in (WITHOUT, JSON)}

    def take(content, cuts, policy, form):
        for payload in [*chunks(content, cuts), content, *content.split(b"\n")]:
            sources[form]._received(None, None, SimpleNamespace(payload=payload))
        with watched(detector, policy) as push:
            push(sources[form].poll(0.0))

    yield take
    for source in sources.values():
        source.close()


def fuzz(detector: Detector, inputs: int, first: int) -> Ran:
    """Run inputs through every source; return how many there were."""
    ran = Ran(0, 0)
    with serial_port(detector) as to_port, messages(detector) as to_messages:

        @seed(first)
        @settings(max_examples=inputs, **MANY)
        @given(CONTENT, CUTS, POLICIES, st.sampled_from((WITHOUT, JSON)))
        def one(content, cuts, policy, live_form):
            nonlocal ran
            ran = Ran(ran.inputs + 1, ran.lines + content.count(b"\n") + 1)
            for form in FORMS:
                feed(detector, content, cuts, policy, form)
            to_port(content, cuts, policy, live_form)
            to_messages(content, cuts, policy, live_form)

        one()
    return ran


def main(inputs: int, first: int) -> None:
    """Fuzz every source, and print."""
    from machines import train_pump

    from export.export_run import ExportSettings, export_run

    with tempfile.TemporaryDirectory() as name:
        export_run(train_pump().folder, ExportSettings("int8")).write(Path(name) / "pump.tflite")
        detector = Detector.load(Path(name) / "pump.tflite")
    started_s = time.perf_counter()
    ran = fuzz(detector, inputs, first)
    print(f"{', '.join(FORMS)}, serial port, MQTT: {ran.inputs:,} inputs, {ran.lines:,} lines into each")
    print(f"seed {first}: no exception but SaeliteError, {time.perf_counter() - started_s:.0f} s")


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:3]]
    main(*(numbers + [25_000, 1][len(numbers) :]))
