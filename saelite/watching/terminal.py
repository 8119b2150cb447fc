"""A fleet as a table of text, the worst first."""

from __future__ import annotations

from collections.abc import Sequence

from edge_runtime.common.durations import UNITS
from saelite.console_tables import table
from saelite.watching.conditions import MachineCondition
from saelite.watching.fleet_machine import FleetMachine
from saelite.watching.fleet_page_table import FleetTable

_HEADER = ("state", "machine", "host", "score", "drift", "model", "seen", "why")
_LONGEST_WHY, _LONGEST_NAME = 70, 30


def fleet_text(fleet: FleetTable, now_s: float) -> str:
    """Return the answer in one line, and a table of all machines.

    Examples
    --------
    >>> from saelite.watching.inbox import Letter
    >>> fleet = FleetTable()
    >>> letter = Letter(b'{"score": 3, "threshold": 1.5, "alarm": true, "blamed": "flow"}', is_retained=False)
    >>> fleet.take({("saelite/gateway/pump", "state"): letter}, 1000.0, 0.0)
    >>> print(fleet_text(fleet, 1004.0))
    1 of 1 machine needs a look: 1 alarm
    <BLANKLINE>
    state  machine  host     score   drift  model  seen  why
    -----  -------  -------  ------  -----  -----  ----  ----
    alarm  pump     gateway  2.00 x  -      -      4s    flow
    """
    if not fleet.machines:
        return "no machines"
    rows = [_HEADER, *(_row(machine, now_s) for machine in fleet.worst_first())]
    return f"{answer(fleet.counts())}\n\n{table(rows, header=True)}"


def answer(counts: dict[MachineCondition, int]) -> str:
    """Return whether somebody should look, in one line.

    >>> answer({MachineCondition.WELL: 312})
    'all 312 machines are well'
    >>> answer({MachineCondition.ALARM: 2, MachineCondition.STALE: 1, MachineCondition.WELL: 309})
    '3 of 312 machines need a look: 2 alarm, 1 stale'
    """
    total, well = sum(counts.values()), counts.get(MachineCondition.WELL, 0)
    odd = {condition: number for condition, number in counts.items() if condition is not MachineCondition.WELL}
    words = ", ".join(f"{number} {condition.value}" for condition, number in odd.items())
    machines = f"{total} machine{'' if total == 1 else 's'}"
    bad = sum(number for condition, number in counts.items() if condition.needs_a_look)
    if bad:
        return f"{bad} of {machines} need{'s' if bad == 1 else ''} a look: {words}"
    if well == total:
        return f"all {machines} are well" if total > 1 else "the machine is well"
    return f"no machine needs a look: {well} well, {words}"


def _row(machine: FleetMachine, now_s: float) -> Sequence[str]:
    state, status = machine.state, machine.status
    model = " v".join(part for part in (status.model, status.version) if part) if status else ""
    return (
        machine.condition.value,
        _cut(machine.name, _LONGEST_NAME),
        _cut(machine.host, _LONGEST_NAME),
        "-" if machine.ratio is None else f"{machine.ratio:.2f} x",
        "-" if state is None or state.drift is None else f"{state.drift:.3g}",
        _cut(model, _LONGEST_NAME) or "-",
        "-" if machine.heard_s is None else _age(now_s - machine.heard_s),
        _cut(_why(machine), _LONGEST_WHY),
    )


def _why(machine: FleetMachine) -> str:
    if machine.condition is MachineCondition.ALARM:
        return machine.state.blame if machine.state else ""
    if machine.condition is MachineCondition.LEARNING and machine.status and machine.status.learnt is not None:
        return f"learnt {machine.status.learnt:.0%}"
    if machine.condition is MachineCondition.DRIFTING and machine.status and machine.status.drift_limit:
        return f"drift is normal up to {machine.status.drift_limit:.3g}"
    return ""


def _age(span_s: float) -> str:
    """Return a span of time in its largest unit.

    >>> _age(4.2), _age(200.0), _age(90_000.0)
    ('4s', '3m', '1d')
    """
    unit = next((unit for unit in ("d", "h", "m") if span_s >= UNITS[unit]), "s")
    return f"{max(0.0, span_s) // UNITS[unit]:.0f}{unit}"


def _cut(text: str, longest: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
