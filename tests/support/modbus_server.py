"""A Modbus server in a process of its own: holding registers 0 to 19 of units 1 and 2, input registers, and bits.

Run with ``tcp PORT`` or ``rtu DEVICE``; registers not listed are refused.
"""

import asyncio
import struct
import sys

from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice


def words(form, *values):
    """Return values as registers, big-endian."""
    content = struct.pack(f">{form}", *values)
    return list(struct.unpack(f">{len(content) // 2}H", content))


def swapped(registers):
    return registers[::-1]


HOLDING = [
    *words("f", 1.5),  # 0
    *swapped(words("f", -2.25)),  # 2
    *words("h", -7),  # 4
    *words("H", 40_000),  # 5
    *words("d", 1e9),  # 6
    *words("i", -70_000),  # 10
    *words("f", float("nan")),  # 12
]
INPUT = [*words("H", 123)]


def device(unit):
    bits = [SimData(0, values=[True, False, True], datatype=DataType.BITS)]
    holding = [SimData(0, values=HOLDING, datatype=DataType.REGISTERS)]
    return SimDevice(unit, (bits, bits, holding, [SimData(0, values=INPUT, datatype=DataType.REGISTERS)]))


async def serve(kind, place):
    devices = [device(1), device(2)]
    if kind == "tcp":
        server = ModbusTcpServer(devices, address=("127.0.0.1", int(place)))
    else:
        server = ModbusSerialServer(devices, port=place, baudrate=19200)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
