"""The files of a device that a registry keeps, in step with each other whenever the power is cut.

=====================  ==============================================================================
file                   content
=====================  ==============================================================================
``MODEL``              the model in use; replaced as a whole, so there is always one
``STATE.model``        the last file that was in use, kept by `edge_runtime.running.model_keeper`
``STATE.previous``     what is gone back to
``STATE.registry``     `DeviceState`
=====================  ==============================================================================

A new model is taken in three steps, each atomic: the file in use becomes ``STATE.previous``, the state says that the
new one is on probation, and the new one becomes ``MODEL``. After a cut between them, the next start goes back to the
previous file, and the next look at the registry takes the new one again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.common.atomic import remove_leftovers, write_atomically
from edge_runtime.common.checked_json import DamagedError, set_aside
from edge_runtime.common.lock import FileLock
from edge_runtime.registry.device_state import SCHEMA, DeviceState, Taken, read_device_state, write_device_state
from edge_runtime.registry.index import Release, digest


@dataclass(frozen=True)
class InUse:
    """The model that judges.

    Parameters
    ----------
    content : bytes
        Its file.
    sha256 : str
        Of the file, hexadecimal.
    version : int
        In its manifest.
    """

    content: bytes
    sha256: str
    version: int


class Installed:
    """The model files of a device and what is remembered of them.

    Parameters
    ----------
    model, state : Path
        The model file, and the state file of the stream, beside which the others lie.
    asset, place : str
    tell : callable
        Prints one line.

    Attributes
    ----------
    state : DeviceState
        Changed by one thread at a time.

    Raises
    ------
    OutputError
        If another process uses the same state.
    """

    def __init__(self, model: Path, state: Path, asset: str, place: str, tell: Callable[[str], None]) -> None:
        self._model, self._tell = model, tell
        self._last_good, self._previous, self._path = (
            state.with_name(f"{state.name}.{kind}") for kind in ("model", "previous", "registry")
        )
        self._lock = FileLock(self._path)
        for path in (self._model, self._last_good, self._previous, self._path):
            remove_leftovers(path)
        self.state = (self._read() or DeviceState(SCHEMA, asset, place)).at(asset, place)

    @property
    def is_empty(self) -> bool:
        """Whether there is no model to begin with."""
        return not (self._model.exists() or self._last_good.exists())

    def begin(self) -> bool:
        """Bring the files in step, and count a start; return whether a crashing model was rolled back.

        Raises
        ------
        OutputError
            If the files cannot be written.
        """
        state, crashed = self.state, False
        if state.probation is not None and state.current is not None:
            if _digest(self._model) != state.current.sha256:
                self.save(state.rolled_back())
                self._restore(self._model)
            elif state.probation.has_crashed:
                self.roll_back()
                crashed = True
            else:
                starts = state.probation.starts + 1
                self.save(state.trying(state.probation._replace(starts=starts)))
        self._restore_refused()
        return crashed

    def take(self, release: Release, content: bytes, before: InUse | None) -> None:
        """Put a new model in the place of the one in use.

        Raises
        ------
        OutputError
            If the files cannot be written.
        """
        if before is not None and self.state.probation is None:
            write_atomically(self._previous, before.content)
        old = None if before is None else Taken(before.sha256, before.version)
        self.save(self.state.taking(Taken(release.sha256, release.version), old))
        write_atomically(self._model, content)

    def roll_back(self) -> None:
        """Refuse the current model from now on, and go back to the previous one.

        Raises
        ------
        OutputError
            If the files cannot be written.
        """
        state = self.state
        if state.current is not None and state.previous is not None:
            self.save(state.refusing(state.current.sha256).rolled_back())
            self._restore_refused()

    def holds(self, sha256: str) -> bool:
        """Return whether a file is in place as the current one: the stream uses it, or is about to."""
        current = self.state.current
        return current is not None and current.sha256 == sha256 == _digest(self._model)

    def mend(self, in_use: InUse) -> None:
        """Write the model file again if it is not what is in use, as after damage, and no other is to be used."""
        current = self.state.current
        if (current is None or current.sha256 == in_use.sha256) and _digest(self._model) != in_use.sha256:
            write_atomically(self._model, in_use.content)

    def save(self, state: DeviceState | None = None) -> None:
        """Save a state, by default the present one.

        Raises
        ------
        OutputError
            If it cannot be written; the one before stays.
        """
        state = state or self.state
        write_device_state(self._path, state)
        self.state = state

    def close(self) -> None:
        """Let others use the state."""
        self._lock.release()

    def _restore_refused(self) -> None:
        """Put the previous model in the place of files that are refused."""
        for path in (self._model, self._last_good):
            if _digest(path) in self.state.refused:
                self._restore(path)

    def _restore(self, path: Path) -> None:
        current = self.state.current
        if current is not None and _digest(self._previous) == current.sha256:
            write_atomically(path, self._previous.read_bytes())

    def _read(self) -> DeviceState | None:
        try:
            return read_device_state(self._path)
        except DamagedError as error:
            self._tell(f"{error} It is not used{set_aside(self._path)}.")
            return None


def _digest(path: Path) -> str:
    try:
        return digest(path.read_bytes())
    except OSError:
        return ""
