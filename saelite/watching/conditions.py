"""How a machine is: one word for each, the worst first."""

from __future__ import annotations

from enum import Enum


class MachineCondition(Enum):
    """The condition of one machine; the order is that of urgency, and the first that holds counts.

    >>> [condition.value for condition in MachineCondition if condition.needs_a_look]
    ['alarm', 'offline', 'stale', 'drifting']
    """

    ALARM = "alarm"
    OFFLINE = "offline"
    STALE = "stale"
    DRIFTING = "drifting"
    STARTING = "starting"
    LEARNING = "learning"
    WELL = "well"

    @property
    def needs_a_look(self) -> bool:
        """Whether somebody should look at the machine."""
        return self in _NEED_A_LOOK

    @property
    def rank(self) -> int:
        """0 is the worst."""
        return _RANKS[self]


_NEED_A_LOOK = frozenset(
    {MachineCondition.ALARM, MachineCondition.OFFLINE, MachineCondition.STALE, MachineCondition.DRIFTING}
)
_RANKS = {condition: rank for rank, condition in enumerate(MachineCondition)}
