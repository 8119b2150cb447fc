"""The quality of a recording, sensor by sensor: a grade, what may spoil a detector, and what is done about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.common.counted import counted
from training.recordings.findings import Findings
from training.recordings.nature import Nature, autocorrelations
from training.recordings.recording import Recording

Floats = npt.NDArray[np.float64]
_ROWS = 100_000
_DAY_S, _FEWEST_DAYS, _HOURS = 86_400.0, 2.0, 24
_CYCLIC = 0.3
# Robust standard deviations beyond which a reading is extreme, and the share of such readings that is too high.
_FAR_OUT, _MANY_FAR_OUT = 6.0, 0.01
_MAD_TO_SIGMA = 1.4826
_SHORT_ROWS = 500


@dataclass(frozen=True)
class SensorProfile:
    """One sensor.

    Parameters
    ----------
    name : str
    low, high, mean, deviation : float
        In the sensor's unit.
    autocorrelation : float
        Of successive readings.
    far_out : float
        Share of readings more than six robust standard deviations from the median.
    daily : float
        Share of the variance that the hour of the day explains; 0 if the recording is shorter than two days.
    grade : str
        ``A`` good, ``B`` handled, ``C`` doubtful, ``D`` not used.
    note : str
        Why the grade is not A, and what is done about it; empty for an A.
    """

    name: str
    low: float
    high: float
    mean: float
    deviation: float
    autocorrelation: float
    far_out: float
    daily: float
    grade: str
    note: str


@dataclass(frozen=True)
class Profile:
    """A recording.

    Parameters
    ----------
    facts : tuple of (str, str)
        Name and value of facts about the whole recording.
    sensors : tuple of SensorProfile
    advice : tuple of str
        How to make a better recording; empty if nothing is missing.
    """

    facts: tuple[tuple[str, str], ...]
    sensors: tuple[SensorProfile, ...]
    advice: tuple[str, ...]

    @property
    def grade(self) -> str:
        """The recording's grade: the median of the grades of the sensors used, lowered by one if there is advice."""
        used = sorted(one.grade for one in self.sensors if one.grade != "D") or ["D"]
        middle = used[len(used) // 2]
        return min(chr(ord(middle) + 1), "C") if self.advice and middle < "C" else middle


def profile(recording: Recording, findings: Findings, nature: Nature) -> Profile:
    """Examine every sensor of a recording; of very many rows, evenly spread ones.

    Parameters
    ----------
    recording : Recording
        With all of its sensors, including those that training leaves out.
    findings : Findings
    nature : Nature
    """
    step = -(-len(recording.values) // _ROWS)
    rows = np.asarray(recording.values[::step], np.float64)
    correlations = autocorrelations(rows)
    daily = _daily_shares(rows, recording.rate_hz / step)
    sensors = tuple(
        _sensor(name, rows[:, number], float(correlations[number]), float(daily[number]), findings)
        for number, name in enumerate(recording.sensors)
    )
    return Profile(_facts(recording, nature), sensors, _advice(recording))


def _sensor(name: str, values: Floats, autocorrelation: float, daily: float, findings: Findings) -> SensorProfile:
    middle = float(np.median(values))
    spread = _MAD_TO_SIGMA * float(np.median(np.abs(values - middle))) or float(values.std())
    far_out = float((np.abs(values - middle) > _FAR_OUT * spread).mean()) if spread else 0.0
    grade, note = _judged(name, daily, far_out, findings)
    return SensorProfile(
        name,
        float(values.min()),
        float(values.max()),
        float(values.mean()),
        float(values.std()),
        autocorrelation,
        far_out,
        daily,
        grade,
        note,
    )


def _judged(name: str, daily: float, far_out: float, findings: Findings) -> tuple[str, str]:
    if name in findings.constant:
        return "D", "never moves: not used"
    if name in findings.duplicate:
        return "D", f"same values as {findings.duplicate[name]}: not used"
    if name in findings.counters:
        return "D", "only ever rises or falls, so that nothing later is like it: not used"
    if far_out > _MANY_FAR_OUT and name not in findings.cycle:
        return "C", f"{far_out:.1%} of the readings are extreme: a fault in the recording, or rare work"
    note = _moved(name, daily, findings)
    return ("B", note) if note else ("A", "")


def _moved(name: str, daily: float, findings: Findings) -> str:
    if name in findings.cycle:
        return f"follows the time of {findings.cycle[name]}: its usual course is taken away"
    if daily > _CYCLIC:
        return f"follows the time of day ({daily:.0%} of its variance): record several days"
    return "drifts: export allows for it, and the device follows it" if name in findings.drifting else ""


def _facts(recording: Recording, nature: Nature) -> tuple[tuple[str, str], ...]:
    rows, rate = len(recording.values), recording.rate_hz
    facts = [("rows", f"{rows:,}")]
    facts.append(("time", f"{_span(rows / rate)}, {rate:g} rows a second" if rate else "none"))
    facts.append(("kind", "series" if nature.is_series else "table: rows in no order"))
    facts.append(("autocorrelation", f"{nature.autocorrelation:.2f} between successive rows"))
    facts.append(("gaps", str(len(recording.breaks))))
    missing = [(recording.skipped, "left out"), (recording.repaired, "repaired")]
    facts.append(("missing values", ", ".join(f"{counted(n, 'row')} {what}" for n, what in missing if n) or "none"))
    return tuple(facts)


def _advice(recording: Recording) -> tuple[str, ...]:
    rows, rate = len(recording.values), recording.rate_hz
    advice = []
    if rows < _SHORT_ROWS:
        advice.append(f"{counted(rows, 'row')} say little about what is normal. Record more.")
    if not rate:
        advice.append("Without a time column, no weekly false-alarm rate can be promised. Record the time as well.")
    elif rows / rate < _FEWEST_DAYS * _DAY_S:
        advice.append("Less than two days: changes with the time of day were not seen.")
    return tuple(advice)


def _daily_shares(rows: Floats, rate_hz: float) -> Floats:
    """Return the share of each sensor's variance that the hour of the day explains (eta squared)."""
    if not rate_hz or len(rows) / rate_hz < _FEWEST_DAYS * _DAY_S:
        return np.zeros(rows.shape[1])
    hours = (np.arange(len(rows)) / rate_hz % _DAY_S // (_DAY_S / _HOURS)).astype(int)
    counts = np.bincount(hours, minlength=_HOURS)[:, None]
    sums = np.stack([np.bincount(hours, column, _HOURS) for column in rows.T], axis=1)
    between = (counts * np.square(sums / np.maximum(counts, 1) - rows.mean(axis=0))).sum(axis=0)
    return np.asarray(between / np.maximum(np.square(rows - rows.mean(axis=0)).sum(axis=0), 1e-300))


def _span(seconds: float) -> str:
    for unit, length in (("day", 86_400.0), ("hour", 3600.0), ("minute", 60.0)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}s"
    return f"{seconds:.0f} seconds"
