"""Alarm events that a sink may not have written when a state was saved: they are announced again after a restart.

A state that knows of an alarm announces it no second time. So it also holds every event that was still on its way:
killed at any moment, a stream announces each alarm at least once to each sink. An event written just after the state
was saved comes twice, with the same time; a history keeps it once.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from edge_runtime.streaming.alarm_events import AlarmEnded, AlarmEvent, AlarmStarted
from edge_runtime.streaming.blame import Blamed

MOST_EVENTS, MOST_SINKS = 1000, 100
_LARGEST = 3.4e38


@dataclass(frozen=True)
class KeptEvent:
    """One event, ready for a file: either its start or its end.

    Parameters
    ----------
    started : AlarmStarted or None
    ended : AlarmEnded or None
    """

    started: AlarmStarted | None = None
    ended: AlarmEnded | None = None

    @classmethod
    def of(cls, event: AlarmEvent) -> KeptEvent:
        """Return an event as it is kept."""
        event = _finite(event)
        return cls(started=event) if isinstance(event, AlarmStarted) else cls(ended=event)


@dataclass(frozen=True)
class Unwritten:
    """What one sink is owed.

    Parameters
    ----------
    sink : str
        The sink's name.
    kept : tuple of KeptEvent
        Oldest first.
    """

    sink: str
    kept: tuple[KeptEvent, ...]

    @classmethod
    def of(cls, sink: str, events: Iterable[AlarmEvent]) -> Unwritten:
        """Return what a sink is owed, the newest `MOST_EVENTS` of it."""
        return cls(sink, tuple(map(KeptEvent.of, list(events)[-MOST_EVENTS:])))

    @property
    def events(self) -> tuple[AlarmEvent, ...]:
        """The events, oldest first."""
        both = [event for kept in self.kept for event in (kept.started, kept.ended)]
        return tuple(event for event in both if event is not None)


def _finite(event: AlarmEvent) -> AlarmEvent:
    """Return an event without numbers that JSON does not have."""
    numbers: dict[str, Any] = {name: _number(value) for name, value in vars(event).items() if isinstance(value, float)}
    return dataclasses.replace(event, blamed=tuple(map(_finite_blamed, event.blamed)), **numbers)


def _finite_blamed(blamed: Blamed) -> Blamed:
    known: dict[str, Any] = {name: _or_none(getattr(blamed, name)) for name in ("value", "expected", "deviation")}
    return dataclasses.replace(blamed, share=_number(blamed.share), **known)


def _number(value: float) -> float:
    return 0.0 if math.isnan(value) else min(max(value, -_LARGEST), _LARGEST)


def _or_none(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
