"""``--source modbus://…`` and ``modbus-rtu:…``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from edge_runtime.errors import UsageError
from edge_runtime.sources.modbus import ModbusDevice, ModbusLine
from edge_runtime.sources.modbus_register import Register
from edge_runtime.sources.points import PointSpec
from edge_runtime.sources.queued import IteratorSource
from edge_runtime.sources.reconnecting import Reconnecting
from edge_runtime.sources.source import Source
from edge_runtime.sources.spec_options import number_option

_HOST = re.compile(r"(?P<host>\[[^\]]+\]|[^:/@\[\]]+)(?::(?P<port>\d{1,5}))?/?")
_SHARED = ("rate", "unit", "timeout")
_SERIAL = ("baud", "parity", "stop")


def open_modbus(spec: str, sensors: Sequence[str], tell: Callable[[str], None]) -> Source:
    """Open a Modbus source; see `edge_runtime.sources.source_spec.open_source`.

    Raises
    ------
    UsageError
        If an option or a register is invalid, or a sensor has no register.
    MissingExtraError
        If pymodbus is not installed.
    """
    is_serial = spec.startswith("modbus-rtu:")
    parsed = PointSpec.parse(spec, (*_SHARED, *_SERIAL) if is_serial else _SHARED)
    line = _serial_line(parsed, spec) if is_serial else _tcp_line(parsed, spec)
    registers = {name: Register.parse(text) for name, text in parsed.of(sensors, spec).items()}
    device = ModbusDevice(line, registers, number_option(parsed.options, "rate", 1.0, spec), tell)
    return Reconnecting(
        line.name, lambda: IteratorSource(line.name, lambda: device, sensors), len(sensors), tell, connects_later=True
    )


def _tcp_line(parsed: PointSpec, spec: str) -> ModbusLine:
    match = _HOST.fullmatch(parsed.place)
    if match is None or int(match["port"] or 502) > 65_535:
        raise UsageError(f"--source: expected modbus://HOST[:PORT]?SENSOR=REGISTER. Received: {spec!r}")
    unit, timeout_s = _shared(parsed, spec)
    return ModbusLine(match["host"].strip("[]"), int(match["port"] or 502), unit=unit, timeout_s=timeout_s)


def _serial_line(parsed: PointSpec, spec: str) -> ModbusLine:
    parity, stop = parsed.options.get("parity", "N").upper(), parsed.options.get("stop", "1")
    if not parsed.place or parity not in ("N", "E", "O") or stop not in ("1", "2"):
        raise UsageError(
            "--source: expected modbus-rtu:PORT?SENSOR=REGISTER with parity N, E or O and stop 1 or 2. "
            f"Received: {spec!r}"
        )
    baud = int(number_option(parsed.options, "baud", 19_200, spec))
    unit, timeout_s = _shared(parsed, spec)
    return ModbusLine(
        device=parsed.place, baud=baud, parity=parity, stop_bits=int(stop), unit=unit, timeout_s=timeout_s
    )


def _shared(parsed: PointSpec, spec: str) -> tuple[int, float]:
    """Return unit and timeout."""
    unit = parsed.options.get("unit", "1")
    if not unit.isdigit() or int(unit) > 255:
        raise UsageError(f"--source {spec}: unit must be a number from 0 to 255. Received: {unit!r}")
    return int(unit), number_option(parsed.options, "timeout", 1.0, spec)
