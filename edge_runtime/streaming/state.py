"""What a stream remembers, in a file written atomically: to a temporary file with a checksum, synced, renamed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_runtime.common.checked_json import DamagedError, read_checked, write_checked
from edge_runtime.errors import SaeliteError
from edge_runtime.model_file.checking.leaves import between, check_leaves, expect
from edge_runtime.model_file.checking.meaning import LONGEST_STRIDE
from edge_runtime.model_file.json_codec import from_json, to_json
from edge_runtime.signal.smoothing import REMEMBERED
from edge_runtime.streaming.adaptation.drift import DriftState
from edge_runtime.streaming.alarm import AlarmState
from edge_runtime.streaming.stream import Memory
from edge_runtime.streaming.unwritten import MOST_EVENTS, MOST_SINKS, Unwritten

SCHEMA = 4
_MOST_BYTES = 1 << 28
_LARGEST = 3.4e38


class StateError(SaeliteError):
    """A state file cannot be read or used."""


@dataclass(frozen=True)
class StreamState:
    """Everything a stream needs to resume after a restart.

    Parameters
    ----------
    schema : int
    model_sha256 : str
        Of the flatbuffer the state belongs to.
    saved_s : float
        Seconds since the epoch.
    threshold : float
        The threshold when the state was saved, for information.
    last_time_s, usual_step_s : float or None
        Time of the last reading, and the usual step between two.
    stream, alarm, drift
        States of these parts.
    unwritten : tuple of Unwritten
        Alarm events that sinks may not have written.
    """

    schema: int
    model_sha256: str
    saved_s: float
    threshold: float
    last_time_s: float | None = None
    usual_step_s: float | None = None
    stream: Memory = field(default_factory=Memory)
    alarm: AlarmState = field(default_factory=AlarmState)
    drift: DriftState = field(default_factory=DriftState)
    unwritten: tuple[Unwritten, ...] = ()


def write_state(path: Path, state: StreamState) -> None:
    """Write a state atomically, with its checksum.

    Raises
    ------
    OutputError
        If the file cannot be written, or a number in the state is not finite; the previous state is kept.
    """
    write_checked(path, to_json(state))


def read_state(path: Path) -> StreamState | None:
    """Return the state in a file; None if there is none yet.

    Raises
    ------
    StateError
        If the file is not a state of this version, was changed, or holds invalid values.
    """
    try:
        return read_checked(path, _MOST_BYTES, "the state of a stream", _decoded)
    except DamagedError as error:
        raise StateError(str(error)) from error


def _decoded(data: dict[str, Any]) -> StreamState:
    """Return a state whose numbers are plausible: a forged one must neither stop a stream nor silence it."""
    state = from_json(StreamState, data)
    _check(state)
    return state


def _check(state: StreamState) -> None:
    expect(f"{SCHEMA}", state.schema, "schema", when=state.schema == SCHEMA)
    check_leaves(state, any_text=True)
    memory, alarm, drift, spot = state.stream, state.alarm, state.drift, state.stream.spot
    between(1, LONGEST_STRIDE, memory.until_due, "stream.until_due")
    for name, value in (("usual_step_s", state.usual_step_s), ("stream.smoothed", memory.smoothed)):
        expect("0 or more", value, name, when=value is None or 0 <= value <= _LARGEST)
    places = {
        "stream.window": memory.window,
        "stream.blame": (memory.blame,),
        "drift.bins": drift.bins,
        "drift.partial": (drift.partial,),
        "drift.value": ((drift.value or 0.0,),),
        "stream.mean_drift": (memory.mean_drift,),
        "stream.variance": (memory.variance,),
        "alarm.blame": (alarm.blame,),
        "alarm.peak_levels": (alarm.peak_levels,),
        "alarm.peak_expected": (alarm.peak_expected,),
    }
    for name, rows in places.items():
        for row in rows:
            expect("numbers within float32", row, name, when=max(map(abs, row), default=0.0) <= _LARGEST)
    height = memory.alarm_height
    expect(f"0 to {REMEMBERED:g}", height, "stream.alarm_height", when=height is None or 0 <= height <= REMEMBERED)
    lowest = min(alarm.lasted_s, alarm.cool_down_s, alarm.peak_score)
    expect("0 or more", lowest, "alarm", when=lowest >= 0)
    lowest = min(memory.variance, default=1.0)
    expect("1 or more", lowest, "stream.variance", when=lowest >= 1)
    expect("0 or more", drift.count, "drift.count", when=drift.count >= 0)
    between(0, MOST_SINKS, len(state.unwritten), "unwritten")
    for owed in state.unwritten:
        between(0, MOST_EVENTS, len(owed.kept), "unwritten.kept")
    if spot is not None:
        counts = (spot.n_scores, spot.n_peaks, len(spot.peaks))
        expect("as many scores as peaks, or more", counts, "spot", when=counts[0] >= counts[1] >= counts[2])
        expect("peaks above 0", spot.peaks, "spot.peaks", when=min(spot.peaks, default=1.0) > 0)
