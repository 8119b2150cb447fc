"""A block of readings cut into parts: scored ones, and moments at which the machine goes off; alarms over both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import BoolArray
from edge_runtime.streaming.alarm import AlarmEvent, AlarmLogic, event_rows
from edge_runtime.streaming.scoring import Scored


@dataclass(frozen=True)
class Part:
    """Scored windows, and the times of their last readings, shape (n,)."""

    times: npt.NDArray[np.float64]
    scored: Scored


@dataclass(frozen=True)
class Off:
    """The machine goes off, or still is, at this time."""

    time_s: float


def alarms_over(
    logic: AlarmLogic, parts: Sequence[Part | Off], computer_s: float | None = None
) -> tuple[BoolArray, tuple[AlarmEvent, ...], tuple[int, ...]]:
    """Return whether there is an alarm after each score, the events, and the row each came with.

    An event between two parts came with the last row before it, -1 where there is none.

    Parameters
    ----------
    computer_s : float, optional
        `time.monotonic` in a live stream, see `AlarmLogic.update_many`.
    """
    alarms, seen = [np.empty(0, bool)], 0
    events: list[AlarmEvent] = []
    rows: list[int] = []
    for part in parts:
        if isinstance(part, Off):
            ended = logic.interrupt(part.time_s, computer_s)
            events += [ended] if ended else []
            rows += [seen - 1] if ended else []
            continue
        scored, before = part.scored, logic.active
        found, new = logic.update_many(part.times, scored.scores, scored.thresholds, scored.contributions, computer_s)
        alarms.append(found)
        events += new
        rows += [seen + row for row in event_rows(found, before=before)]
        seen += len(found)
    return np.concatenate(alarms), tuple(events), tuple(rows)
