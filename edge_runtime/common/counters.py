"""Where every reading went."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass


@dataclass
class Counters:
    """What became of every reading: ``read == scored + filling + skipped + waiting + off``.

    Parameters
    ----------
    read : int
        Readings received.
    scored : int
        Readings with a result.
    filling : int
        Readings that only fill a window: at the start, after a gap, between strides.
    skipped : int
        Readings left out because of a missing value.
    waiting : int
        Readings held back until the next value, to interpolate to, arrives.
    off : int
        Readings outside ``--only-when``, while the machine is off.
    held, interpolated : int
        Readings among these in which a missing value was repeated or interpolated.
    lost : int
        Lines or messages that were not readings.
    gaps, backwards : int
        Gaps in time and steps backwards, at which a new window starts.
    jumps : int
        Those at which the readings' clock was set: forward by more than a day, or backwards.
    out_of_range : int
        Readings with a value outside the range that the network sees.
    stuck : int
        Sensors that are stuck now.
    silent : int
        Sensors without a value for long.
    reconnects, reloads, refused_models : int
    rollbacks, failed_polls, expired_polls : int
        Models from a registry that were rolled back; looks at the registry that failed; looks at an index that had
        expired.
    restarts : int
        Times that the machine was started again, in a plant.
    above : int
        Scores above the threshold.
    alarms : int
        Alarms that started.
    ignored : int
        Scores above the threshold for which the most to blame is a sensor that somebody said to ignore.
    undelivered : int
        Results that a sink did not take.
    to_learn : int
        Per cent of the time to learn (``--learn``) that is left; 0 where alarms are announced.
    """

    read: int = 0
    scored: int = 0
    filling: int = 0
    skipped: int = 0
    waiting: int = 0
    off: int = 0
    held: int = 0
    interpolated: int = 0
    lost: int = 0
    gaps: int = 0
    backwards: int = 0
    jumps: int = 0
    out_of_range: int = 0
    stuck: int = 0
    silent: int = 0
    reconnects: int = 0
    reloads: int = 0
    refused_models: int = 0
    rollbacks: int = 0
    failed_polls: int = 0
    expired_polls: int = 0
    restarts: int = 0
    above: int = 0
    alarms: int = 0
    ignored: int = 0
    undelivered: int = 0
    to_learn: int = 0

    def text(self) -> str:
        """Return the counts that are not zero as one line, without alarms (see `alarm_rate.alarms_text`)."""
        found = dataclasses.asdict(self)
        counts = {name.replace("_", " "): count for name, count in found.items() if count and name != "alarms"}
        return ", ".join(f"{count} {name}" for name, count in counts.items()) or "no readings"
