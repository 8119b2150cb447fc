"""Anything at all into sources and model loading: an answer or a SaeliteError, never another exception.

    PYTHONPATH=.:tests/support python tests/endurance/fuzz.py [INPUTS] [SEED]

Three tenths of the inputs are bytes into the parts of a source (CSV with header, CSV without, JSON, cut into chunks at
random), a tenth go through a serial port on a pseudo-terminal, a tenth arrive as MQTT messages, all from there through
the stream; the rest are damaged model files and manifests. It prints how many inputs and lines each got.
`fuzz_coverage.py` does the same guided by coverage.
"""

import itertools
import json
import os
import sys
import tempfile
import time
import tty
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from machines import SENSORS

from edge_runtime import Detector
from edge_runtime.common.mqtt_client import MqttAddress
from edge_runtime.errors import SaeliteError
from edge_runtime.model_file.container import ModelFile, read_model_file
from edge_runtime.model_file.manifest import Manifest
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
CONTENT = st.one_of(
    st.lists(TEXT_LINES, max_size=12).map(lambda lines: "\n".join(lines).encode("utf-8", "surrogatepass")),
    st.lists(TEXT_LINES, max_size=8).map(lambda lines: "\n".join([",".join(SENSORS), *lines]).encode()),
    st.binary(max_size=300),
)


POLICIES = st.sampled_from(["skip", "hold", "interpolate", "error"])
MANY = {"deadline": None, "database": None, "phases": [Phase.generate], "suppress_health_check": list(HealthCheck)}


@contextmanager
def watched(detector, policy):
    """Yield a function that takes readings into a stream; every score must be finite, every reading accounted for."""
    stream = Monitor(detector, MonitorSettings(on_missing=policy))

    def take(readings: Readings):
        assert np.isfinite(stream.push(readings).scores).all()
        stream.raise_refusal()

    with suppress(SaeliteError):
        yield take
        stream.end()
        counters = stream.counters
        assert counters.read == counters.scored + counters.filling + counters.skipped


def feed(detector, content, cuts, decoder, policy):
    """Give bytes to a source's parts, in chunks, and its readings to a stream."""
    splitter = LineSplitter()
    edges = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    batches = [splitter.feed(content[start:stop]) for start, stop in itertools.pairwise(edges)]
    with watched(detector, policy) as take:
        for lines in [*batches, splitter.end(complete=True)]:
            if lines:
                take(decoder.decode(lines))


def fuzz_sources(detector, examples, first):
    """Run `examples` inputs through the sources; return how many inputs and lines of each form were run."""
    forms = ("CSV with header", "CSV without", "JSON")
    ran = dict.fromkeys(forms, (0, 0))

    @seed(first)
    @settings(max_examples=examples, **MANY)
    @given(CONTENT, st.lists(st.integers(0, 400), max_size=3), st.sampled_from(range(3)), POLICIES)
    def one(content, cuts, kind, policy):
        ran[forms[kind]] = more(ran[forms[kind]], content)
        feed(detector, content, cuts, decoder_of(kind), policy)

    one()
    return ran


def more(ran, content):
    """Return the counts of inputs and lines with one more input."""
    return ran[0] + 1, ran[1] + content.count(b"\n") + 1


def decoder_of(kind):
    """Return the decoder of one of the three forms."""
    return JsonDecoder(SENSORS) if kind == 2 else CsvDecoder(SENSORS, "fuzz", header=kind == 0)


def fuzz_serial(detector, examples, first):
    """Write `examples` inputs to a serial port on a pseudo-terminal; return how many inputs and lines were run."""
    ran = 0, 0
    ours, theirs = os.openpty()
    tty.setraw(theirs)

    @seed(first)
    @settings(max_examples=examples, **MANY)
    @given(CONTENT, st.sampled_from((1, 2)), POLICIES)
    def one(content, kind, policy):
        nonlocal ran
        ran = more(ran, content)
        port = SerialSource(os.ttyname(theirs), 9600, decoder_of(kind), len(SENSORS))
        with closing(port), watched(detector, policy) as take:
            for start in range(0, len(content), 1000):
                os.write(ours, content[start : start + 1000])
                take(port.poll(1.0))
            os.write(ours, b"\n")
            take(port.poll(1.0))

    one()
    os.close(ours)
    os.close(theirs)
    return ran


def fuzz_messages(detector, examples, first):
    """Let `examples` inputs arrive as MQTT messages, whole and line by line; return the counts of inputs and lines."""
    ran = 0, 0
    # Nobody listens on port 9: the client goes on trying in its thread while messages come as it would give them.
    address = MqttAddress.parse("mqtt://127.0.0.1:9/plant", ())
    forms = [MqttSource(address, decoder_of(kind), len(SENSORS), lambda _: None) for kind in (1, 2)]

    @seed(first)
    @settings(max_examples=examples, **MANY)
    @given(CONTENT, st.sampled_from(forms), POLICIES)
    def one(content, source, policy):
        nonlocal ran
        ran = more(ran, content)
        for payload in [content, *content.split(b"\n")]:
            source._received(None, None, SimpleNamespace(payload=payload))
        with watched(detector, policy) as take:
            take(source.poll(0.0))

    one()
    for source in forms:
        source.close()
    return ran


def fuzz_models(model: ModelFile, folder, examples, first):
    """Load `examples` damaged files; return how many were tried."""
    content, path, ran = model.to_bytes(), folder / "damaged.tflite", 0
    manifest = json.loads(model.manifest.to_bytes())
    leaves = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5)
    inner = st.dictionaries(st.text(max_size=5), leaves, max_size=3)
    values = leaves | st.lists(leaves | inner, max_size=3) | inner
    changes = st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=4)
    fields = st.dictionaries(st.sampled_from(sorted(manifest)), values, max_size=2)
    in_bytes = st.tuples(st.just("bytes"), changes, st.integers(0, 3 * len(content)))
    in_manifest = st.tuples(st.just("manifest"), fields, st.none())
    noise = st.tuples(st.just("noise"), st.binary(max_size=200), st.none())

    @seed(first)
    @settings(max_examples=examples, **MANY)
    @given(st.one_of(in_bytes, in_manifest, noise))
    def one(damage):
        nonlocal ran
        ran += 1
        kind, what, length = damage
        with suppress(SaeliteError):
            if kind == "manifest":
                Manifest.from_bytes(json.dumps(manifest | what).encode())
                return
            path.write_bytes(what if kind == "noise" else damaged(content, what, length))
            read_model_file(path)

    one()
    return ran


def damaged(content, changes, length):
    """Return content with some bytes changed, and cut off."""
    changed = bytearray(content)
    for position, value in changes:
        changed[position] = value
    return bytes(changed[:length])


def main(inputs, first):
    """Fuzz, and print."""
    from machines import train_pump

    from export.export_run import ExportSettings, export_run

    started = time.perf_counter()
    model = export_run(train_pump().folder, ExportSettings("int8"))
    with tempfile.TemporaryDirectory() as name:
        model.write(Path(name) / "pump.tflite")
        detector = Detector.load(Path(name) / "pump.tflite")
        tenth = inputs // 10
        counts = {
            **fuzz_sources(detector, 3 * tenth, first),
            "serial port": fuzz_serial(detector, tenth, first),
            "MQTT": fuzz_messages(detector, tenth, first),
        }
        files = fuzz_models(model, Path(name), inputs - 5 * tenth, first)
    for where, (ran, lines) in counts.items():
        print(f"{where}: {ran:,} inputs, {lines:,} lines")
    print(f"{files:,} model files and manifests")
    print(f"seed {first}: no exception but SaeliteError, {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:3]]
    main(*(numbers + [100_000, 1][len(numbers) :]))
