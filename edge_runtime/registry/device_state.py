"""What a device remembers of its registry: what it has seen, what runs, what it goes back to, what it refuses."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from edge_runtime.common.checked_json import read_checked, write_checked
from edge_runtime.errors import RegistryError
from edge_runtime.model_file.checking.leaves import check_leaves, expect
from edge_runtime.model_file.json_codec import from_json, to_json
from edge_runtime.registry.index import Index
from edge_runtime.registry.probation import Probation

SCHEMA = 1
_MOST_BYTES = 1 << 20
_MOST_REFUSED = 32
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Taken(NamedTuple):
    """A model file that came from the registry, or was there before.

    Parameters
    ----------
    sha256 : str
        Of the file, hexadecimal.
    version : int
        In its manifest.
    """

    sha256: str
    version: int


@dataclass(frozen=True)
class DeviceState:
    """What a device remembers of its registry.

    Parameters
    ----------
    schema : int
    asset : str
    place : str
        Address of the registry.
    index_version, index_sha256 : int, str
        The newest index seen; 0 before the first.
    expires_s : float
        When that expires, seconds since the epoch.
    current : Taken or None
        What the model file holds, or is about to.
    previous : Taken or None
        What is gone back to.
    probation : Probation or None
        Of `current`; None once it is over.
    refused : tuple of str
        SHA-256 of files that are not taken again, the latest last.
    """

    schema: int
    asset: str
    place: str
    index_version: int = 0
    index_sha256: str = ""
    expires_s: float = 0.0
    current: Taken | None = None
    previous: Taken | None = None
    probation: Probation | None = None
    refused: tuple[str, ...] = ()

    def seeing(self, index: Index, sha256: str) -> DeviceState:
        """Return the state after an index was seen.

        Raises
        ------
        RegistryError
            If it is older than one seen before, or another one of the same version.
        """
        if index.version < self.index_version:
            raise RegistryError(
                f"the index of {self.place} is an old one: expected version {self.index_version} or later. "
                f"Received: {index.version}. It is replayed, or the registry was restored from a backup: publish again."
            )
        if index.version == self.index_version and sha256 != self.index_sha256:
            raise RegistryError(
                f"{self.place} has two indexes of version {index.version}. Expected the one seen before, SHA-256 "
                f"{self.index_sha256}. Received: {sha256}. Publish again."
            )
        return replace(self, index_version=index.version, index_sha256=sha256, expires_s=index.expires_s)

    def taking(self, new: Taken, before: Taken | None) -> DeviceState:
        """Return the state with a new model, on probation if there is one to go back to."""
        previous = self.previous if self.probation else before
        return replace(self, current=new, previous=previous, probation=Probation() if previous else None)

    def refusing(self, sha256: str) -> DeviceState:
        """Return the state in which a file is not taken again."""
        kept = [one for one in self.refused if one != sha256]
        return replace(self, refused=(*kept[1 - _MOST_REFUSED :], sha256))

    def rolled_back(self) -> DeviceState:
        """Return the state with the previous model."""
        return replace(self, current=self.previous, previous=None, probation=None)

    def settled(self) -> DeviceState:
        """Return the state after the probation."""
        return replace(self, probation=None)

    def trying(self, probation: Probation) -> DeviceState:
        """Return the state with what the new model has done so far."""
        return replace(self, probation=probation)

    def at(self, asset: str, place: str) -> DeviceState:
        """Return the state for an asset of a registry: another asset, or another registry, has indexes of its own."""
        if (asset, place) == (self.asset, self.place):
            return self
        kept = replace(self, asset=asset, place=place, index_version=0, index_sha256="", expires_s=0.0)
        return kept if asset == self.asset else DeviceState(SCHEMA, asset, place)


def write_device_state(path: Path, state: DeviceState) -> None:
    """Write a state atomically, with its checksum.

    Raises
    ------
    OutputError
        If it cannot be written; the one before is kept.
    """
    write_checked(path, to_json(state))


def read_device_state(path: Path) -> DeviceState | None:
    """Return the state in a file; None if there is none yet.

    Raises
    ------
    DamagedError
        If the file is not such a state, was changed, or holds invalid values.
    """
    return read_checked(path, _MOST_BYTES, "the state of a registry's models", _decoded)


def _decoded(data: dict[str, Any]) -> DeviceState:
    state = from_json(DeviceState, data)
    _check(state)
    return state


def _check(state: DeviceState) -> None:
    expect(f"{SCHEMA}", state.schema, "schema", when=state.schema == SCHEMA)
    check_leaves(state)
    expect("0 or more", state.index_version, "index_version", when=state.index_version >= 0)
    hashes = [*state.refused, *(taken.sha256 for taken in (state.current, state.previous) if taken)]
    expect("hexadecimal digits", hashes, "sha256", when=all(map(_SHA256.fullmatch, hashes)))
    expect("a few", len(state.refused), "refused", when=len(state.refused) <= _MOST_REFUSED)
    if state.probation is not None:
        expect("0 or more", state.probation, "probation", when=min(state.probation) >= 0)
        expect("a model to go back to", state.previous, "previous", when=state.previous is not None)
