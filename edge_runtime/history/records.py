"""What a history gives."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from edge_runtime.arrays import BoolArray, FloatArray
from edge_runtime.errors import UsageError
from edge_runtime.streaming.blame import Blamed

FALSE_ALARM, REAL, IGNORE = "false_alarm", "real", "ignore"
KINDS = (FALSE_ALARM, REAL, IGNORE)
LONGEST_NOTE = 1000
LONGEST_NAME = 200


@dataclass(frozen=True)
class Mark:
    """What somebody said of an alarm.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    who : str
    at_s : float
        When it was said, seconds since the epoch by the computer's clock.
    note : str
    until_s : float or None
        With ``ignore``: when the sensor counts again, seconds since the epoch; by default a day later.
    sensor : str
        With ``ignore``: the sensor; by default the one to blame most.

    Raises
    ------
    UsageError
        If the kind is another one, a text is too long, or a time is not finite.
    """

    kind: str
    who: str
    at_s: float
    note: str = ""
    until_s: float | None = None
    sensor: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"mark: expected one of {', '.join(KINDS)}. Received: {self.kind!r:.80}")
        for name in ("who", "note"):
            # On one line, without what would change how a terminal shows it.
            text = "".join(one if one.isprintable() else " " for one in getattr(self, name)).strip()
            object.__setattr__(self, name, text)
        for name, text, most in (("note", self.note, LONGEST_NOTE), ("who", self.who, LONGEST_NAME)):
            if len(text) > most:
                raise UsageError(f"mark: expected {name} of at most {most} characters. Received: {len(text)}")
        if not math.isfinite(self.at_s) or not math.isfinite(self.until_s or 0.0):
            raise UsageError(f"mark: expected finite times. Received: {self.at_s} and {self.until_s}")


@dataclass(frozen=True)
class Alarm:
    """One alarm.

    Parameters
    ----------
    id : int
        Unique in its history, never used again.
    machine : str
    started_s : float
        Seconds since the epoch, by the readings' times.
    noted_s : float
        The same moment by the computer's clock.
    ended_s : float or None
        None while it lasts.
    peak_score, threshold : float
    blamed : tuple of Blamed
        Worst first.
    marks : tuple of Mark
        In the order in which they were made; the last one counts.
    """

    id: int
    machine: str
    started_s: float
    noted_s: float
    ended_s: float | None
    peak_score: float
    threshold: float
    blamed: tuple[Blamed, ...]
    marks: tuple[Mark, ...]

    @property
    def verdict(self) -> str:
        """What was said of it last: ``false_alarm``, ``real``, or nothing."""
        said = [mark.kind for mark in self.marks if mark.kind != IGNORE]
        return said[-1] if said else ""


@dataclass(frozen=True)
class Excerpt:
    """Consecutive raw readings.

    Parameters
    ----------
    time_s : float
        The readings' time of the first, seconds since the epoch.
    step_s : float
        Mean step between two.
    values : ndarray of shape (n, sensors), float32
    in_alarm : ndarray of shape (n,), bool
        Whether there was an alarm.
    sensors : tuple of str
    """

    time_s: float
    step_s: float
    values: FloatArray
    in_alarm: BoolArray
    sensors: tuple[str, ...]

    @property
    def end_s(self) -> float:
        """The readings' time of the last."""
        return self.time_s + self.step_s * max(0, len(self.values) - 1)

    def after(self, time_s: float) -> Excerpt:
        """Return the part that is later than a time."""
        if self.time_s > time_s:
            return self
        left = min(len(self.values), int((time_s - self.time_s) / max(self.step_s, 1e-9)) + 1)
        start_s = self.time_s + left * self.step_s
        return replace(self, time_s=start_s, values=self.values[left:], in_alarm=self.in_alarm[left:])


@dataclass(frozen=True)
class ModelChange:
    """A model that came into use.

    Parameters
    ----------
    at_s : float
        When, seconds since the epoch by the computer's clock.
    sha256 : str
        Of the model's graph.
    name : str
    version : int
    parent : str
        SHA-256 of the file it was adapted from; empty if it was not.
    """

    at_s: float
    sha256: str
    name: str
    version: int = 0
    parent: str = ""
