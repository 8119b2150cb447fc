"""Readings of several rates, joined into rows: against a slow reference, and a broker with a topic per sensor."""

import json
import math
from contextlib import closing

import numpy as np
import pytest
from broker import MOSQUITTO, mosquitto
from hypothesis import given, settings
from hypothesis import strategies as st
from live_process import start, until
from machines import SENSORS, pump_rows

from edge_runtime.errors import UsageError
from edge_runtime.signal.readings import Readings
from edge_runtime.sources.aligned import AlignedSource, aligned
from edge_runtime.sources.aligner import Aligner
from edge_runtime.sources.alignment import Alignment
from edge_runtime.sources.source_spec import open_source

NAN = float("nan")


def slow_reference(readings, alignment, sensors):
    """Return (time, values) of every row, computed period by period from all readings; ages are given."""
    period_s, rows = alignment.period_s, []
    first, last = (math.floor(readings[at][0] / period_s) for at in (0, -1))
    for period in range(first, last + 1):
        end_s, row = (period + 1) * period_s, []
        for sensor in range(sensors):
            before = [(t, v[sensor]) for t, v in readings if t < end_s and not math.isnan(v[sensor])]
            inside = [value for t, value in before if t >= period * period_s]
            young = before and end_s - before[-1][0] <= max(alignment.oldest_s, period_s)
            mean = alignment.way == "mean" and inside
            row.append(sum(inside) / len(inside) if mean else before[-1][1] if young else NAN)
        if not all(map(math.isnan, row)):
            rows.append((end_s, row))
    return rows


values = st.one_of(st.just(NAN), st.integers(-100, 100).map(float))
reading = st.tuples(st.sampled_from([0, 1, 2, 5, 30, 400]), st.tuples(values, values, values))
steps = st.lists(reading, min_size=1, max_size=60)


@given(steps, st.sampled_from(["last", "mean"]), st.sampled_from([1, 8, 40]), st.data())
@settings(max_examples=300)
def test_rows_are_those_of_the_slow_reference_however_readings_are_cut_into_blocks(steps, way, oldest, data):
    # In eighths of a second, which floats hold exactly.
    times = np.cumsum([step for step, _ in steps]) / 8
    table = np.array([row for _, row in steps])
    alignment = Alignment(0.5, way, oldest / 8)
    aligner = Aligner(alignment, 3)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(times)), max_size=5)))
    rows = [aligner.push(times[part], table[part]) for part in np.split(np.arange(len(times)), cuts)]
    rows.append(aligner.end())
    expected = slow_reference(list(zip(times.tolist(), table.tolist(), strict=True)), alignment, 3)
    assert np.concatenate([one.times for one in rows]).tolist() == [time_s for time_s, _ in expected]
    got = np.concatenate([one.values for one in rows])
    np.testing.assert_allclose(got, np.array([row for _, row in expected]).reshape(-1, 3))


def pushed(aligner, readings):
    rows = [aligner.push(np.array([time_s]), np.array([row])) for time_s, row in readings]
    return np.concatenate([one.times for one in rows]), np.concatenate([one.values for one in rows])


def test_dead_sensor_does_not_look_steady_by_default():
    slow_until_100 = [(t, [NAN, t]) for t in range(0, 100, 5)]
    fast = [(t, [t, NAN]) for t in range(400)]
    times, rows = pushed(Aligner(Alignment(1.0), 2), sorted(slow_until_100 + fast, key=lambda one: one[0]))
    held = times[np.isfinite(rows[:, 1])]
    assert held.max() == pytest.approx(95 + 10 * 5, abs=1), "ten of its own intervals after its last value"
    assert np.isfinite(rows[:, 0]).all()


def test_silence_of_all_sensors_ends_in_no_rows_at_all():
    times, _ = pushed(Aligner(Alignment(1.0, oldest_s=3.0), 1), [(0.5, [1.0]), (1e6, [2.0]), (1e6 + 1, [3.0])])
    assert times.tolist() == [1, 2, 3, 1e6 + 1]


def test_clock_that_goes_back_by_a_lot_starts_again():
    aligner = Aligner(Alignment(1.0, oldest_s=3.0), 1)
    times, rows = pushed(aligner, [(100.0, [1.0]), (98.5, [2.0]), (101.0, [3.0]), (2.0, [4.0]), (3.0, [5.0])])
    assert times.tolist() == [101, 3], "a little late is the present; far back is another time"
    assert rows.ravel().tolist() == [2, 4]


@pytest.mark.parametrize("time_s", [1e300, -1e300])
def test_absurd_times_are_survived(time_s):
    aligner = Aligner(Alignment(0.001), 1)
    times, _ = pushed(aligner, [(0.0, [1.0]), (time_s, [2.0]), (1.0, [3.0]), (1.002, [4.0])])
    assert times[-1] == pytest.approx(1.002)


@pytest.mark.parametrize("text", ["", "0", "soon", "1s:median", "1s:mean:never", "1s:last:3s:4s", "0.0001", "1s:0"])
def test_wrong_alignments_say_what_is_expected(text):
    with pytest.raises(UsageError, match="align: expected PERIOD, at least 1 ms"):
        Alignment.parse(text)


class Messages:
    """A source that cannot wait, with senders whose clocks are wrong."""

    name, is_live, patience_s, reconnects = "messages", True, 0.0, 3

    def __init__(self, *blocks):
        self.blocks = list(blocks)

    def poll(self, _timeout_s):
        return self.blocks.pop(0) if self.blocks else None

    def stop(self):
        pass

    close = stop


def test_clocks_of_many_senders_do_not_matter():
    blocks = [Readings(np.array([time_s, NAN]), np.array([[1.0, NAN], [NAN, 2.0]]), 1, "bad") for time_s in (5.0, 9e9)]
    source = AlignedSource(Messages(*blocks), Alignment(3600.0), ("a", "b"))
    lost = [source.poll(0).lost for _ in blocks]
    rows = source.poll(0)
    assert rows.values.tolist() == [[1, 2]]
    assert lost == [1, 1]
    assert source.poll(0) is None
    assert source.reconnects == 3
    assert aligned(source, None, ("a", "b")) is source


def test_file_is_joined_by_its_own_times(saelite, tmp_path):
    lines = [{"time": t / 4, "fast": t} for t in range(40)] + [{"time": 2.5 * t, "slow": 10 * t} for t in range(4)]
    text = "".join(json.dumps(one) + "\n" for one in sorted(lines, key=lambda one: one["time"]))
    (tmp_path / "mixed.jsonl").write_text(text)
    names = ["--sensors", "fast,slow"]
    done = saelite("record", "--source", "jsonl:mixed.jsonl", *names, "--align", "1s:mean", "-o", "rows.csv")
    assert done.returncode == 0, done.stderr
    rows = (tmp_path / "rows.csv").read_text().splitlines()
    assert rows[:4] == ["time,fast,slow", "1970-01-01T00:00:01.000Z,1.5,0", "1970-01-01T00:00:02.000Z,5.5,0",
                        "1970-01-01T00:00:03.000Z,9.5,10"]  # fmt: skip
    assert len(rows) == 11


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
def test_topic_per_sensor_of_a_real_broker_makes_one_row_per_period(tmp_path):
    from paho.mqtt import publish

    told = []
    with mosquitto(tmp_path) as port:
        spec = f"mqtt://127.0.0.1:{port}/plant/+/now?format=value"
        source = aligned(open_source(spec, ("flow", "heat", "level"), told.append), "0.1s", ("flow", "heat", "level"))
        with closing(source):
            until(lambda: source.poll(0.05) is None or told)
            messages = [("flow", "1.5"), ("heat", '{"value": 20.5, "unit": "C"}'), ("level", "wet"), ("other", "3")]
            publish.multiple([(f"plant/{name}/now", text, 1, False) for name, text in messages], port=port)
            rows = []
            until(lambda: rows.extend(source.poll(0.05).values.tolist()) or len(rows) > 2)
    assert rows[-1] == pytest.approx([1.5, 20.5, NAN], nan_ok=True)


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
def test_model_watches_sensors_that_send_one_by_one(model_path, tmp_path):
    from paho.mqtt import publish

    row = dict(zip(SENSORS, pump_rows(1)[0].tolist(), strict=True))
    with mosquitto(tmp_path) as port:
        spec = f"mqtt://127.0.0.1:{port}/pump/#?format=value"
        process = start(model_path, "--source", spec, "--align", "0.2s", cwd=tmp_path)
        assert b"is connected" in process.stderr.readline()
        publish.multiple([(f"pump/{name}", str(value), 1, False) for name, value in row.items()], port=port)
        assert b'"score"' in process.stdout.readline()
        process.kill()
        process.communicate()


def test_value_without_a_wildcard_is_refused():
    with pytest.raises(UsageError, match=r"format=value: expected a topic with \+ or #"):
        open_source("mqtt://127.0.0.1:1/plant/flow?format=value", ("flow",), print)
