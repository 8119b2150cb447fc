"""Modbus devices: pymodbus's own server over TCP and over a serial line."""

import signal
import struct
from contextlib import closing, contextmanager

import numpy as np
import pytest
from broker import free_port
from live_process import until
from plant_servers import serial_line, server, until_listening

pytest.importorskip("pymodbus")

from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.errors import UsageError
from edge_runtime.sources.modbus_blocks import blocks_of
from edge_runtime.sources.modbus_register import ORDERS, Register
from edge_runtime.sources.sensor_names import SensorNames
from edge_runtime.sources.source_spec import open_source

# As the server has them, see tests/support/modbus_server.py.
POINTS = {
    "flow": ("holding:0:float32", 1.5),
    "swapped": ("holding:2:float32:CDAB", -2.25),
    "scaled": ("40005:int16*0.1+100", 99.3),
    "other_unit": ("2/holding:5", 40_000),
    "wide": ("holding:6:float64", 1e9),
    "signed": ("holding:10:int32", -70_000),
    "nan": ("holding:12:float32", np.nan),
    "input": ("30001", 123),
    "coil": ("coil:0", 1),
    "discrete": ("discrete:1", 0),
}
EXPECTED = [value for _, value in POINTS.values()]
QUERY = "&".join(f"{name}={register}" for name, (register, _) in POINTS.items())


@contextmanager
def tcp_server(port=None):
    port = port or free_port()
    with server("modbus_server.py", "tcp", port) as process:
        until_listening(port)
        yield port, process


def next_row(source):
    rows = []
    until(lambda: rows.extend(source.poll(0.1).values.tolist()) or rows)
    return rows[-1]


def test_every_type_order_unit_and_table_over_tcp():
    names = SensorNames()
    with (
        tcp_server() as (port, _),
        closing(open_source(f"modbus://127.0.0.1:{port}?{QUERY}&rate=50", names, print)) as it,
    ):
        assert next_row(it) == pytest.approx(EXPECTED, nan_ok=True)
    assert names == list(POINTS)


def test_the_same_over_a_serial_line():
    with serial_line() as (ours, theirs), server("modbus_server.py", "rtu", theirs):
        spec = f"modbus-rtu:{ours}?{QUERY}&rate=50&baud=19200&timeout=0.5"
        with closing(open_source(spec, tuple(POINTS), print)) as it:
            # The server may not be there yet for the first requests.
            until(lambda: next_row(it) == pytest.approx(EXPECTED, nan_ok=True))


def test_points_of_a_file(tmp_path):
    lines = [f"{name} = {register}" for name, (register, _) in POINTS.items()]
    (tmp_path / "pump.points").write_text("\n".join(["# the pump", "", *lines, "rate = holding:4:int16"]))
    wanted = ("signed", "rate", "flow")
    with tcp_server() as (port, _):
        spec = f"modbus://127.0.0.1:{port}?points={tmp_path / 'pump.points'}"
        with closing(open_source(spec, wanted, print)) as it:
            assert next_row(it) == [-70_000, -7, 1.5], (
                "in the model's order; a file's sensor may be called like an option"
            )


def test_refused_register_and_silent_unit_are_missing_values_and_told_once():
    told = []
    query = "flow=holding:0:float32&gone=holding:900&silent=9/holding:0&rate=50&timeout=0.2"
    with tcp_server() as (port, _):
        source = open_source(f"modbus://127.0.0.1:{port}?{query}", ("flow", "gone", "silent"), told.append)
        for _ in range(3):
            assert next_row(source) == pytest.approx([1.5, np.nan, np.nan], nan_ok=True)
        source.close()
    assert len(told) == 2
    assert f"modbus://127.0.0.1:{port}, holding:900 of unit 1: it has no such address; gone missing" in told
    assert any("holding:0 of unit 9" in line and line.endswith("silent missing") for line in told)


def test_device_that_goes_is_connected_again_when_it_returns():
    told = []
    with tcp_server() as (port, process):
        source = open_source(
            f"modbus://127.0.0.1:{port}?flow=holding:0:float32&rate=50&timeout=0.2", ("flow",), told.append
        )
        with closing(source):
            assert next_row(source) == [1.5]
            process.kill()
            process.wait()
            until(lambda: source.poll(0.05) is None or any("is lost" in line for line in told))
            with tcp_server(port):
                assert next_row(source) == [1.5]
    assert [line.partition(" (")[0] for line in told] == [
        f"modbus://127.0.0.1:{port} is lost",
        f"modbus://127.0.0.1:{port} is back",
    ]
    assert source.reconnects == 1


def test_device_that_hangs_is_noticed_and_read_again_when_it_goes_on():
    told = []
    with tcp_server() as (port, process):
        spec = f"modbus://127.0.0.1:{port}?flow=holding:0:float32&rate=50&timeout=0.2"
        with closing(open_source(spec, ("flow",), told.append)) as source:
            assert next_row(source) == [1.5]
            process.send_signal(signal.SIGSTOP)
            until(lambda: source.poll(0.05) is None or told)
            process.send_signal(signal.SIGCONT)
            assert next_row(source) == [1.5]
    assert "no answer within 0.2 s" in told[0]


def test_device_that_is_off_at_the_start_is_waited_for():
    port, told = free_port(), []
    with closing(open_source(f"modbus://127.0.0.1:{port}?flow=holding:0:float32", ("flow",), told.append)) as source:
        until(lambda: source.poll(0.05) is None or told)
        assert "cannot connect" in told[0]
        with tcp_server(port):
            assert next_row(source) == [1.5]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("modbus://plc", "no point for flow, heat. Expected SENSOR=POINT"),
        ("modbus://plc?flow=holding:1", "no point for heat"),
        ("modbus://plc?flow=holding:1&heat=holding:x", "expected .UNIT/.TABLE:ADDRESS.*Received: 'holding:x'"),
        ("modbus://plc?flow=holding:1&heat=coil:1:int16", "bool for bits alone"),
        ("modbus://plc?flow=holding:1&heat=99999", "Received: '99999'"),
        ("modbus://plc?flow=holding:1&heat=holding:70000", "Received: 'holding:70000'"),
        ("modbus://plc?flow=holding:1&flow=holding:2", "named twice"),
        ("modbus://plc?flow=holding:1&heat=holding:2&rate=0", "rate must be a number above zero"),
        ("modbus://plc?flow=holding:1&heat=holding:2&unit=300", "unit must be a number from 0 to 255"),
        ("modbus://?flow=holding:1&heat=holding:2", "expected modbus://HOST"),
        ("modbus-rtu:/dev/ttyUSB0?flow=holding:1&heat=holding:2&parity=X", "parity N, E or O"),
        ("modbus://plc?points=/nowhere/points", "cannot read the points"),
        ("modbus://plc?flow", "expected NAME=VALUE"),
    ],
)
def test_wrong_specs_say_what_is_expected(spec, message):
    with pytest.raises(UsageError, match=message):
        open_source(spec, ("flow", "heat"), print)


@given(st.floats(width=32, allow_nan=False), st.sampled_from(ORDERS))
def test_orders_by_their_letters(value, order):
    content = struct.pack(">f", value)
    sent = bytes(content["ABCD".index(letter)] for letter in order)
    assert Register("holding", 0, "float32", order).value(struct.unpack(">2H", sent)) == value


@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.sampled_from(["uint16", "float32", "float64"]), st.integers(1, 2)),
        min_size=1, max_size=80,
    )
)  # fmt: skip
def test_requests_cover_every_register_and_nothing_else(places):
    registers = {str(n): Register("holding", at, kind, unit=unit) for n, (at, kind, unit) in enumerate(places)}
    blocks = blocks_of(registers, 1)
    wanted = {(one.unit, at) for one in registers.values() for at in range(one.address, one.address + one.count)}
    assert {(block.unit, at) for block in blocks for at in range(block.start, block.start + block.count)} == wanted
    for block in blocks:
        assert block.count <= 125
        for name in block.sensors:
            one = registers[name]
            assert block.start <= one.address <= one.address + one.count <= block.start + block.count
    assert sorted(name for block in blocks for name in block.sensors) == sorted(registers)
