"""What a stream remembers, in a file that is always whole: written beside, synced, renamed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from edge_runtime.adaptation.drift import DriftState
from edge_runtime.adaptation.spot import SpotState
from edge_runtime.atomic import write_atomically
from edge_runtime.errors import OutputError, SaeliteError
from edge_runtime.json_codec import from_json, to_json
from edge_runtime.streaming.alarm import AlarmState

SCHEMA = 2


class StateError(SaeliteError):
    """A state file cannot be read."""


@dataclass(frozen=True)
class StreamState:
    """All a stream needs to go on after a restart as if nothing had been.

    Parameters
    ----------
    schema : int
    model_sha256 : str
        Of the flatbuffer the state belongs to.
    saved_s : float
        Seconds since the epoch.
    threshold : float
        The threshold when it was saved, for people to read.
    window : tuple of tuple of float
        The readings later windows still need, oldest first, in the model's order of sensors.
    ahead : int
        Readings to come before the next window starts.
    last_time_s, usual_step_s : float or None
        Time of the last reading, and the usual step between two.
    smoothed : float or None
        The smoothed score.
    alarm, drift, spot
        Of those parts.
    mean_drift : tuple of float
        How far the tracked mean has moved, per sensor.
    """

    schema: int
    model_sha256: str
    saved_s: float
    threshold: float
    window: tuple[tuple[float, ...], ...] = ()
    ahead: int = 0
    last_time_s: float | None = None
    usual_step_s: float | None = None
    smoothed: float | None = None
    alarm: AlarmState = field(default_factory=AlarmState)
    drift: DriftState = field(default_factory=DriftState)
    spot: SpotState | None = None
    mean_drift: tuple[float, ...] = ()


def write_state(path: Path, state: StreamState) -> None:
    """Write a state atomically.

    Raises
    ------
    OutputError
        If the place cannot be written, or a number in the state is not finite; the state before is still there.
    """
    try:
        content = _content(state)
    except ValueError as error:
        raise OutputError(f"cannot write {path}: the state holds a number that is not finite ({error}).") from error
    write_atomically(path, content)


def _content(state: StreamState) -> bytes:
    return json.dumps(to_json(state), allow_nan=False).encode() + b"\n"


def read_state(path: Path) -> StreamState | None:
    """Return the state in a file; None where there is none yet.

    Raises
    ------
    StateError
        If the file is no state of this version.
    """
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise StateError(f"cannot read the state {path} ({error}). Remove it to start anew.") from error
    try:
        state = from_json(StreamState, data)
        # JSON writes numbers that no float holds, such as 1e999.
        _content(state)
    except ValueError as error:
        raise StateError(f"{path} is no state of a stream ({error}). Remove it to start anew.") from error
    if state.schema != SCHEMA:
        raise StateError(f"{path} has schema {state.schema}, this saelite reads {SCHEMA}. Remove it to start anew.")
    return state
