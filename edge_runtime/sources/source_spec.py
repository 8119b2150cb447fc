"""``--source``: one word that selects the source of readings.

===============================  ======================================================================
``-``                            CSV on standard input
``csv:PATH``                     a recording's file (CSV, Parquet, NPY …), or a named pipe of CSV with a header
``jsonl:PATH``, ``jsonl:-``      one JSON object by sensor name, or list in the model's order, per line
``serial:PORT[?baud=N]``         a line of CSV values, or JSON with ``&format=jsonl``; 115200 baud
``mqtt://HOST[:PORT]/TOPIC``     a JSON object or list a message, CSV values with ``?format=csv``, or with
                                 ``?format=value`` one sensor's value, named by what ``+`` or ``#`` stands for
``modbus://HOST[:PORT]?…``       Modbus TCP: a register for each sensor, ``SENSOR=holding:100:float32``
``modbus-rtu:PORT?…``            the same on a serial line
``opc.tcp://HOST[:PORT]?…``      OPC UA: a node for each sensor, ``SENSOR=ns=2;s=Pump.Flow``
``host[?rate=N]``                this machine's own sensors, 4 times a second
``MODULE:FUNCTION``              any Python function that returns an iterable of readings
===============================  ======================================================================
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edge_runtime.errors import UsageError
from edge_runtime.sources.files import Decoder, TextSource
from edge_runtime.sources.json_decoder import JsonDecoder
from edge_runtime.sources.naming_decoder import NamingDecoder
from edge_runtime.sources.sensor_names import SensorNames
from edge_runtime.sources.source import Source
from edge_runtime.sources.spec_options import number_option, options_of
from edge_runtime.sources.table_source import TableSource
from edge_runtime.tables.csv_decoder import CsvDecoder
from edge_runtime.tables.open_table import open_table

_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
KINDS = (
    "-, csv:PATH, jsonl:PATH, serial:PORT, mqtt://HOST/TOPIC, modbus://HOST?…, modbus-rtu:PORT?…, opc.tcp://HOST?…, "
    "host, MODULE:FUNCTION"
)


def open_source(spec: str, sensors: Sequence[str], tell: Callable[[str], None]) -> Source:
    """Open the source that a ``--source`` selects.

    Parameters
    ----------
    spec : str
    sensors : sequence of str
        The model's; empty `SensorNames` are filled from the first reading.
    tell : callable
        Called with a one-line message for each loss and return.

    Raises
    ------
    UsageError
        If there is no such kind of source, or an option is invalid.
    RecordingError
        If it cannot be opened.
    MissingExtraError
        If a package it needs is not installed.
    """
    names = sensors if isinstance(sensors, SensorNames) else tuple(sensors)
    kind, _, rest = spec.partition(":")
    if spec == "-" or (kind in ("csv", "jsonl") and rest):
        path = rest or "-"
        if kind == "csv" and Path(path).is_file() and not isinstance(names, SensorNames):
            return TableSource(open_table(path), names)
        name = "standard input" if path == "-" else path
        decoder = JsonDecoder(names) if kind == "jsonl" else _csv_decoder(names, name, header=True)
        return TextSource(path, decoder, len(names))
    makers = {
        "serial": _serial, "mqtt": _mqtt, "mqtts": _mqtt, "modbus": _modbus, "modbus-rtu": _modbus,
        "opc.tcp": _opcua, "host": _host,
    }  # fmt: skip
    make = makers.get(kind.partition("?")[0])
    if make is not None:
        return make(spec, names, tell)
    if _FUNCTION.fullmatch(spec):
        return _function(spec, names, tell)
    raise UsageError(f"--source: expected one of {KINDS}. Received: {spec!r}")


def load_function(spec: str, what: str) -> Callable[..., Any]:
    """Return the function that ``MODULE:FUNCTION`` names; modules in the current folder are found.

    Raises
    ------
    UsageError
        If there is no such module or function.
    """
    module_name, _, name = spec.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        function: Callable[..., Any] = getattr(importlib.import_module(module_name), name)
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"{what}: cannot find {spec!r} ({error}). Expected MODULE:FUNCTION on the Python path."
        ) from error
    if not callable(function):
        raise UsageError(f"{what}: {spec!r} is not a function. Received: {type(function).__name__}")
    return function


def _csv_decoder(names: Sequence[str], source: str, *, header: bool) -> Decoder:
    if isinstance(names, SensorNames):
        return NamingDecoder(names, source, header=header)
    return CsvDecoder(names, source, header=header)


def _decoder(form: str, names: Sequence[str], source: str) -> Decoder:
    if form == "jsonl":
        return JsonDecoder(names)
    if form == "csv":
        return _csv_decoder(names, source, header=False)
    raise UsageError(f"format: expected csv or jsonl. Received: {form!r}")


def _serial(spec: str, names: Sequence[str], tell: Callable[[str], None]) -> Source:
    from edge_runtime.sources.reconnecting import Reconnecting
    from edge_runtime.sources.serial_port import SerialSource

    port, options = options_of(spec.partition(":")[2], ("baud", "format"), spec)
    baud = int(number_option(options, "baud", 115200, spec))
    form = options.get("format", "csv")
    return Reconnecting(
        port, lambda: SerialSource(port, baud, _decoder(form, names, port), len(names)), len(names), tell
    )


def _mqtt(spec: str, names: Sequence[str], tell: Callable[[str], None]) -> Source:
    from edge_runtime.common.mqtt_client import MqttAddress
    from edge_runtime.sources.mqtt_source import MqttSource

    address = MqttAddress.parse(spec, ("qos", "format"))
    form = address.options.get("format", "jsonl")
    decoder = JsonDecoder(names) if form == "value" else _decoder(form, names, address.topic)
    return MqttSource(address, decoder, len(names), tell)


def _modbus(spec: str, names: Sequence[str], tell: Callable[[str], None]) -> Source:
    from edge_runtime.sources.modbus_spec import open_modbus

    return open_modbus(spec, names, tell)


def _opcua(spec: str, names: Sequence[str], tell: Callable[[str], None]) -> Source:
    from edge_runtime.sources.opcua_spec import open_opcua

    return open_opcua(spec, names, tell)


def _host(spec: str, names: Sequence[str], tell: Callable[[str], None]) -> Source:
    from edge_runtime.sources.host import HostSource
    from edge_runtime.sources.queued import IteratorSource
    from edge_runtime.sources.reconnecting import Reconnecting

    _, options = options_of(spec, ("rate",), spec)
    if spec.partition("?")[0] != "host":
        raise UsageError(f"--source: expected host or host?rate=N. Received: {spec!r}")
    host = HostSource(rate_hz=number_option(options, "rate", 4.0, spec))
    return Reconnecting(
        "host", lambda: IteratorSource("host", lambda: host, names), len(names), tell, connects_later=True
    )


def _function(spec: str, names: Sequence[str], tell: Callable[[str], None]) -> Source:
    from edge_runtime.sources.queued import IteratorSource
    from edge_runtime.sources.reconnecting import Reconnecting

    function = load_function(spec, "--source")
    return Reconnecting(spec, lambda: IteratorSource(spec, function, names), len(names), tell, connects_later=True)
