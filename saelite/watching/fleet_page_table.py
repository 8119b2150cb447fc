"""The table of all machines, and what has changed in it since somebody last looked."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from itertools import count
from typing import Any

from saelite.watching.conditions import MachineCondition
from saelite.watching.fleet_machine import FleetMachine
from saelite.watching.inbox import Letter

MOST_MACHINES = 10_000
MOST_GONE = 1000
_LOOK_S = 1.0


class FleetTable:
    """The machines of a fleet; they appear by themselves, and go when their retained topics are cleared.

    Parameters
    ----------
    most : int
        Maximum number of machines; further ones are counted in `refused`, and not shown.
    most_gone : int
        Number of removed machines that are remembered; whoever looks after more of them is given the whole table.

    Attributes
    ----------
    change : int
        Grows with each look.
    news : int
        The last change that changed something.
    refused : int
        Messages of machines for which there was no room.
    machines : dict of str to FleetMachine
        By topic.
    """

    def __init__(self, most: int = MOST_MACHINES, most_gone: int = MOST_GONE) -> None:
        self.change = self.news = self.refused = 0
        self.machines: dict[str, FleetMachine] = {}
        self._most = most
        self._numbers = count(1)
        # Something is there, and nobody knows yet whether it is a machine that saelite watches.
        self._others: dict[str, FleetMachine] = {}
        self._gone: deque[tuple[int, int]] = deque(maxlen=most_gone)
        self._looked_s = 0.0

    def take(self, letters: Mapping[tuple[str, str], Letter], now_s: float, connected_s: float) -> None:
        """Take messages, and look at all machines once a second: silence is no message.

        Parameters
        ----------
        letters : mapping of (topic, kind) to Letter
        now_s, connected_s : float
            See `FleetMachine.look`.
        """
        self.change += 1
        for (base, kind), letter in letters.items():
            if letter.payload or letter.is_retained:
                self._take(base, kind, letter, now_s, connected_s)
            else:
                self._forget(base)
        if now_s < self._looked_s or now_s >= self._looked_s + _LOOK_S:
            self._looked_s = now_s
            for machine in self.machines.values():
                if machine.look(now_s, connected_s):
                    machine.facts_change = machine.pulse_change = self.news = self.change

    def worst_first(self) -> list[FleetMachine]:
        """Return all machines, the worst first, then by name."""
        return sorted(self.machines.values(), key=lambda one: (one.condition.rank, one.name.casefold(), one.base))

    def counts(self) -> dict[MachineCondition, int]:
        """Return how many machines are in each condition, without those that none is in."""
        found = dict.fromkeys(MachineCondition, 0)
        for machine in self.machines.values():
            found[machine.condition] += 1
        return {condition: number for condition, number in found.items() if number}

    def since(self, change: int) -> dict[str, Any]:
        """Return what has changed after a change: everything if that is too long ago.

        Returns
        -------
        dict
            ``all``, whether it is everything; ``facts`` and ``pulses`` of machines, see `FleetMachine`; ``gone``, the
            numbers of machines that are no longer there.
        """
        is_all = change <= 0 or (len(self._gone) == self._gone.maxlen and change < self._gone[0][0])
        after = -1 if is_all else change
        machines = self.machines.values()
        return {
            "all": is_all,
            "facts": [one.facts() for one in machines if one.facts_change > after],
            "pulses": [one.pulse() for one in machines if one.pulse_change > after],
            "gone": [] if is_all else [number for at, number in self._gone if at > after],
            "refused": self.refused,
        }

    def _take(self, base: str, kind: str, letter: Letter, now_s: float, connected_s: float) -> None:
        machine = self.machines.get(base) or self._others.get(base) or FleetMachine(next(self._numbers), base)
        before = machine.facts() if machine.facts_change else None
        if not machine.take(kind, letter.payload, None if letter.is_retained else now_s):
            return
        if not self._is_kept(machine):
            return
        machine.pulse_change = self.news = self.change
        machine.look(now_s, connected_s)
        if machine.facts() != before:
            machine.facts_change = self.change

    def _is_kept(self, machine: FleetMachine) -> bool:
        """Return whether a machine is shown; one of which too little is known is kept in mind."""
        base = machine.base
        if base in self.machines:
            return True
        if not machine.is_saelite:
            self._others[base] = machine
            if len(self._others) > self._most:
                del self._others[next(iter(self._others))]
            return False
        self._others.pop(base, None)
        if len(self.machines) >= self._most:
            self.refused += 1
            return False
        self.machines[base] = machine
        return True

    def _forget(self, base: str) -> None:
        self._others.pop(base, None)
        machine = self.machines.pop(base, None)
        if machine is not None:
            self._gone.append((self.change, machine.number))
            self.news = self.change
