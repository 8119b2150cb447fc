"""Readings from Modbus devices, over TCP or a serial line (RTU), polled at a fixed rate."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edge_runtime.errors import missing_extra
from edge_runtime.sources.modbus_blocks import Block, blocks_of
from edge_runtime.sources.modbus_register import BIT_TABLES, Register
from edge_runtime.sources.paced import paced
from edge_runtime.sources.reading import Reading

_METHODS = {
    "coil": "read_coils",
    "discrete": "read_discrete_inputs",
    "input": "read_input_registers",
    "holding": "read_holding_registers",
}
_REFUSALS = {
    1: "it does not know this request", 2: "it has no such address", 3: "it does not take this request",
    4: "it failed", 6: "it is busy", 10: "the gateway has no path to it", 11: "it does not answer the gateway",
}  # fmt: skip


@dataclass(frozen=True)
class ModbusLine:
    """How devices are reached.

    Parameters
    ----------
    host : str
        Empty for a serial line.
    port : int
    device : str
        Of a serial line, such as ``/dev/ttyUSB0``.
    baud : int
    parity : str
        N, E or O.
    stop_bits : int
    unit : int
        Device on the line, for registers that name none.
    timeout_s : float
        Of one request.
    """

    host: str = ""
    port: int = 502
    device: str = ""
    baud: int = 19_200
    parity: str = "N"
    stop_bits: int = 1
    unit: int = 1
    timeout_s: float = 1.0

    @property
    def name(self) -> str:
        """The line in one word."""
        return f"modbus://{self.host}:{self.port}" if self.host else f"modbus-rtu:{self.device}"


class ModbusDevice:
    """Registers of the devices on one line, as readings; each iteration connects anew.

    A register that is refused, or a device that does not answer while another on the line does, gives missing values
    and is reported once until it answers again.

    Parameters
    ----------
    line : ModbusLine
    registers : mapping of str to Register
        Register by sensor.
    rate_hz : float
        Readings per second.
    tell : callable
        Called with a one-line message when something happens.

    Raises
    ------
    MissingExtraError
        If pymodbus is not installed.
    """

    def __init__(
        self, line: ModbusLine, registers: Mapping[str, Register], rate_hz: float, tell: Callable[[str], None]
    ) -> None:
        try:
            import pymodbus  # noqa: F401 - to say at once that it is missing
            import serial  # noqa: F401
        except ImportError as error:
            raise missing_extra("pymodbus", "modbus", "a Modbus source") from error
        # It logs every lost packet; what matters is told.
        logging.getLogger("pymodbus").addHandler(logging.NullHandler())
        self._line, self._registers, self._period_s, self._tell = line, registers, 1 / rate_hz, tell
        self._blocks = blocks_of(registers, line.unit)
        self._silent: set[Block] = set()

    def __iter__(self) -> Iterator[Reading]:
        client = _client(self._line)
        try:
            if not client.connect():
                raise ConnectionError("cannot connect")
            for wait_s in paced(self._period_s):
                yield self._reading(client)
                time.sleep(wait_s)
        finally:
            client.close()

    def _reading(self, client: Any) -> Reading:
        time_s = time.time()
        values, unanswered = dict.fromkeys(self._registers, math.nan), []
        for block in self._blocks:
            try:
                words = self._words(client, block)
            except TimeoutError:
                unanswered.append(block)
                continue
            for name in block.sensors if words else ():
                at, one = self._registers[name].address - block.start, self._registers[name]
                values[name] = one.value(words[at : at + one.count])
        if len(unanswered) == len(self._blocks):
            raise ConnectionError(f"no answer within {self._line.timeout_s:g} s")
        for block in unanswered:
            self._note(block, "no answer")
        return Reading(time_s, values)

    def _words(self, client: Any, block: Block) -> list[int]:
        """Return a block's registers or bits; none if the device refuses."""
        from pymodbus.exceptions import ConnectionException, ModbusIOException

        try:
            answer = getattr(client, _METHODS[block.table])(block.start, count=block.count, device_id=block.unit)
        except (ConnectionException, ModbusIOException) as error:
            raise TimeoutError from error
        if answer.isError():
            code = getattr(answer, "exception_code", 0)
            self._note(block, _REFUSALS.get(code, f"error {code}"))
            return []
        words = list(answer.bits if block.table in BIT_TABLES else answer.registers)[: block.count]
        if len(words) < block.count:
            self._note(block, f"{len(words)} of {block.count} values")
            return []
        self._silent.discard(block)
        return words

    def _note(self, block: Block, reason: str) -> None:
        if block not in self._silent:
            self._silent.add(block)
            self._tell(f"{self._line.name}, {block.text}: {reason}; {', '.join(block.sensors)} missing")


def _client(line: ModbusLine) -> Any:
    from pymodbus.client import ModbusSerialClient, ModbusTcpClient

    if line.host:
        return ModbusTcpClient(line.host, port=line.port, timeout=line.timeout_s, retries=0)
    return ModbusSerialClient(
        line.device, baudrate=line.baud, parity=line.parity, stopbits=line.stop_bits, timeout=line.timeout_s, retries=0
    )
