"""Flash, RAM and instructions of a detector in C, for each head, before anything is fitted; and what a chip has.

Constants and RAM are counted. Code and instructions are sums over what a detector is made of and does
(`export.c_library.work`), with weights fitted to what linker and QEMU say of two dozen detectors
(``tests/cortex_m/fit_costs.py``). Flash is that of a Cortex-M0, the most of all: it has no instructions for floats.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from edge_runtime.errors import UsageError
from export.c_library.core_costs import CORES
from export.c_library.work import Plan, code_parts, constant_bytes, network_bytes, operations, ram_bytes_of
from training.run_folder import ChipBudget

LARGEST = "M0"
"""The core whose flash counts."""


class DoesNotFitError(UsageError):
    """No head fits the chip."""


class Cost(NamedTuple):
    """What a detector takes.

    Parameters
    ----------
    flash : int
        Bytes, with the floating-point routines that it links, without what firmware has besides.
    ram : int
        Bytes of its struct, without the stack.
    instructions : mapping of str to int
        Per window, by core.
    """

    flash: int
    ram: int
    instructions: Mapping[str, int]

    def excess(self, budget: ChipBudget) -> str:
        """Return what the chip has too little of, and by how much; empty if it has enough."""
        pairs = (("flash", self.flash, budget.flash), ("RAM", self.ram, budget.ram))
        over = [f"{one - most:,} bytes too much {name}" for name, one, most in pairs if most is not None and one > most]
        return " and ".join(over)


def cost_of(plan: Plan, head: str, core: str = LARGEST) -> Cost:
    """Return the cost of a detector with a head; the flash is that on `core`."""
    return Cost(
        constant_bytes(plan, head) + _weighted(CORES[core]["code"], code_parts(plan, head)),
        ram_bytes_of(plan, head),
        {name: _weighted(known["instructions"], operations(plan, head)) for name, known in CORES.items()},
    )


def _weighted(weights: Mapping[str, float], parts: Mapping[str, float]) -> int:
    return round(sum(weights[name] * amount for name, amount in parts.items()))


@dataclass(frozen=True)
class Chip:
    """The chip that a detector is for, and the detector apart from its head.

    Parameters
    ----------
    plan : Plan
        For one mode of operation.
    budget : ChipBudget
    """

    plan: Plan
    budget: ChipBudget = ChipBudget()  # noqa: RUF009 - never changes

    def cost(self, head: str, modes: int = 1) -> Cost:
        """Return the cost of a detector with a head; with several modes, the mean follows only relative to them."""
        follows = self.plan.follows and (modes == 1 or self.plan.levels > 0)
        return cost_of(replace(self.plan, modes=modes, follows=follows), head)

    def takes(self, head: str, modes: int = 1) -> bool:
        """Return whether a detector with a head fits."""
        return not self.cost(head, modes).excess(self.budget)

    def refusal(self, heads: Mapping[str, int]) -> DoesNotFitError:
        """Return the error for heads, each with its number of modes, none of which fits."""
        lines = []
        for head, modes in heads.items():
            cost = self.cost(head, modes)
            lines.append(f"{head} takes {cost.flash:,} and {cost.ram:,}, {cost.excess(self.budget)}")
        limits = (("flash", self.budget.flash), ("RAM", self.budget.ram))
        wanted = " and ".join(f"at most {most:,} bytes of {name}" for name, most in limits if most is not None)
        return DoesNotFitError(
            f"no head fits the chip: expected {wanted}. Received, in bytes of flash and RAM: {'; '.join(lines)}. "
            f"{network_bytes(self.plan, 't2'):,} of them are the encoder's, which inputs and modes do not need. Train "
            "with this budget, a smaller --window or fewer features."
        )
