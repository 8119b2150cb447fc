"""Where every reading went."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass


@dataclass
class Counters:
    """Where every reading went: ``read == scored + filling + skipped + waiting + off``.

    Parameters
    ----------
    read : int
        Readings that came.
    scored : int
        Gave a result.
    filling : int
        Only fill a window that gives none: at the start, after a gap, between strides.
    skipped : int
        Left out for a missing value.
    waiting : int
        Held back until the value to interpolate to comes.
    off : int
        Outside ``--only-when``: the machine does not work.
    held, interpolated : int
        Of the readings above, those with a missing value repeated or interpolated.
    lost : int
        Lines or messages that were no reading.
    gaps, backwards : int
        Where time was missing or went backwards; the window starts anew.
    jumps : int
        Of these, where the readings' clock was set: forward by more than a day, or backwards.
    out_of_range : int
        Readings with a value farther out than the network sees.
    stuck : int
        Sensors that stand still now.
    silent : int
        Sensors that have given no number for long.
    reconnects, reloads, refused_models : int
    above : int
        Scores above the threshold.
    alarms : int
        Alarms that started.
    undelivered : int
        Results that a sink did not take.
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
    above: int = 0
    alarms: int = 0
    undelivered: int = 0

    def text(self) -> str:
        """Return one line for people: what is not zero; of alarms, `alarm_rate.alarms_text` says more."""
        found = dataclasses.asdict(self)
        counts = {name.replace("_", " "): count for name, count in found.items() if count and name != "alarms"}
        return ", ".join(f"{count} {name}" for name, count in counts.items()) or "no readings"
