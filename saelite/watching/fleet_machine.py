"""One machine of a fleet, as its messages tell of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from saelite.watching.conditions import MachineCondition
from saelite.watching.messages import Info, State, Status, availability_of, info_of, state_of, status_of

# A machine that runs publishes its counts every ten seconds.
SILENT_S = 60.0
# A drift near its limit must not change the machine's place all the time.
_DRIFT_RETURN = 0.9


@dataclass
class FleetMachine:
    """What is known of one machine.

    Parameters
    ----------
    number : int
        Stays the same while the machine is shown.
    base : str
        Its topic.

    Attributes
    ----------
    heard_s : float or None
        When its last message came, seconds since the epoch; for messages that are older than the subscription the
        time that they tell.
    condition : MachineCondition
    since_s : float or None
        Since when; None if nobody knows.
    facts_change, pulse_change : int
        Number of the change that touched its facts, and its score or drift, last.
    """

    number: int
    base: str
    state: State | None = None
    status: Status | None = None
    info: Info | None = None
    is_online: bool | None = None
    heard_s: float | None = None
    condition: MachineCondition = MachineCondition.STARTING
    since_s: float | None = None
    facts_change: int = 0
    pulse_change: int = 0

    @property
    def name(self) -> str:
        """The machine's name, or the last level of its topic."""
        return (self.info.machine if self.info else "") or self.base.rpartition("/")[2]

    @property
    def host(self) -> str:
        """The name of the computer that watches it, or the level before the last of its topic."""
        return (self.info.host if self.info else "") or self.base.rpartition("/")[0].rpartition("/")[2]

    @property
    def ratio(self) -> float | None:
        """Score over threshold; None once it tells nothing of now."""
        is_old = self.condition in (MachineCondition.OFFLINE, MachineCondition.STALE)
        return None if self.state is None or is_old else self.state.ratio

    @property
    def is_saelite(self) -> bool:
        """Whether it has published what only saelite does: other things are online, too."""
        return self.state is not None or self.info is not None

    def take(self, kind: str, payload: bytes, heard_s: float | None) -> bool:
        """Take a message; return whether it is one.

        Parameters
        ----------
        heard_s : float or None
            When it came; None if it is older than the subscription.
        """
        found = _READERS[kind](payload)
        if found is None:
            return False
        setattr(self, _FIELDS[kind], found)
        if heard_s is None and isinstance(found, State):
            heard_s = found.time_s
        if heard_s is not None:
            self.heard_s = max(heard_s, self.heard_s or heard_s)
        return True

    def look(self, now_s: float, connected_s: float) -> bool:
        """Update the condition; return whether it has changed.

        Parameters
        ----------
        now_s : float
            Seconds since the epoch.
        connected_s : float
            Since when messages are heard; silence before that is none of the machine's.
        """
        condition = self._condition_at(now_s, connected_s)
        since_s = self._since_s(condition, now_s)
        is_changed = (condition, since_s) != (self.condition, self.since_s)
        self.condition, self.since_s = condition, since_s
        return is_changed

    def facts(self) -> dict[str, Any]:
        """Return what seldom changes, as the page takes it."""
        status = self.status
        return {
            "id": self.number,
            "name": self.name,
            "host": self.host,
            "topic": self.base,
            "page": self.info.page if self.info else "",
            "state": self.condition.value,
            "since": self.since_s,
            "blame": self.state.blame if self.state and self.state.alarm else "",
            "online": self.is_online is not False,
            "learnt": status.learnt if status else None,
            "model": status.model if status else "",
            "version": status.version if status else "",
            "registry": status.registry if status else "",
            "limit": status.drift_limit if status else None,
        }

    def pulse(self) -> list[Any]:
        """Return what changes with every reading, as the page takes it: number, ratio, drift, when it was heard."""
        ratio = None if self.ratio is None else round(self.ratio, 3)
        heard_s = None if self.heard_s is None else round(self.heard_s, 1)
        return [self.number, ratio, self.state.drift if self.state else None, heard_s]

    def _condition_at(self, now_s: float, connected_s: float) -> MachineCondition:
        # An alarm stays one when the line goes down: cutting a cable must not silence it.
        if self.state is not None and self.state.alarm:
            return MachineCondition.ALARM
        if now_s - max(self.heard_s or 0.0, connected_s) > SILENT_S:
            return MachineCondition.OFFLINE
        if self.is_online is False:
            return (
                MachineCondition.STALE if self.status is not None and self.status.is_stale else MachineCondition.OFFLINE
            )
        if self.state is None:
            return MachineCondition.STARTING
        if self.state.learning:
            return MachineCondition.LEARNING
        return MachineCondition.DRIFTING if self._is_drifting(self.state) else MachineCondition.WELL

    def _is_drifting(self, state: State) -> bool:
        limit = self.status.drift_limit if self.status else None
        if limit is None or state.drift is None:
            return False
        return state.drift > limit * (_DRIFT_RETURN if self.condition is MachineCondition.DRIFTING else 1.0)

    def _since_s(self, condition: MachineCondition, now_s: float) -> float | None:
        if condition is MachineCondition.ALARM and self.state and self.state.since_s is not None:
            return self.state.since_s
        if condition in (MachineCondition.OFFLINE, MachineCondition.STALE):
            return self.since_s if condition is self.condition and self.since_s else self.heard_s
        return self.since_s if condition is self.condition else now_s


_READERS: dict[str, Any] = {"state": state_of, "status": status_of, "info": info_of, "availability": availability_of}
_FIELDS = {"state": "state", "status": "status", "info": "info", "availability": "is_online"}
