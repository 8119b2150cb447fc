"""Requests to a Modbus device: neighbouring registers are read together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge_runtime.sources.modbus_register import BIT_TABLES, Register

_MOST_REGISTERS, _MOST_BITS = 125, 2000


@dataclass(frozen=True)
class Block:
    """One request.

    Parameters
    ----------
    unit : int
    table : str
    start, count : int
        First register or bit, and their number.
    sensors : tuple of str
        The sensors that are in it.
    """

    unit: int
    table: str
    start: int
    count: int
    sensors: tuple[str, ...]

    @property
    def text(self) -> str:
        """The block in words."""
        last = f" to {self.start + self.count - 1}" if self.count > 1 else ""
        return f"{self.table}:{self.start}{last} of unit {self.unit}"


def blocks_of(registers: Mapping[str, Register], unit: int) -> tuple[Block, ...]:
    """Return the requests that read all registers.

    Only registers without a gap share a request: a device may refuse a request for an address it does not have.

    Parameters
    ----------
    registers : mapping of str to Register
        Register by sensor.
    unit : int
        Of registers that name none.

    Examples
    --------
    >>> holding = {name: Register.parse(f"holding:{at}:float32") for name, at in (("a", 0), ("b", 2), ("c", 9))}
    >>> [(block.start, block.count, block.sensors) for block in blocks_of(holding, 1)]
    [(0, 4, ('a', 'b')), (9, 2, ('c',))]
    """
    keys = {name: (unit if one.unit is None else one.unit, one.table) for name, one in registers.items()}
    blocks: list[Block] = []
    for name in sorted(registers, key=lambda name: (keys[name], registers[name].address)):
        one = registers[name]
        own = Block(*keys[name], one.address, one.count, (name,))
        joined = _joined(blocks[-1], own) if blocks else None
        blocks[-1:] = [joined] if joined else [*blocks[-1:], own]
    return tuple(blocks)


def _joined(block: Block, next_one: Block) -> Block | None:
    end = max(block.start + block.count, next_one.start + next_one.count)
    most = _MOST_BITS if block.table in BIT_TABLES else _MOST_REGISTERS
    same = (block.unit, block.table) == (next_one.unit, next_one.table)
    if not same or next_one.start > block.start + block.count or end - block.start > most:
        return None
    return Block(block.unit, block.table, block.start, end - block.start, block.sensors + next_one.sensors)
