"""What a model file must be to be taken from a registry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.errors import IntegrityError, ModelFileError
from edge_runtime.inference.opening import Opening
from edge_runtime.registry.index import Release


@dataclass(frozen=True)
class Requirements:
    """What a model file must be to be taken.

    Parameters
    ----------
    opening : Opening
        With the keys of which one must have signed index and file.
    model : Path
        Where the file is to be, for messages.
    expect_name : str, optional
        Name that its manifest must have, whatever the index says.
    try_out : callable, optional
        Runs the file in a process of its own; None where nothing can be tried out.
    """

    opening: Opening
    model: Path
    expect_name: str | None = None
    try_out: Callable[[bytes], None] | None = None

    @property
    def trusted_keys(self) -> Sequence[Path]:
        """Public keys of which one must have signed the index."""
        return self.opening.trusted_key

    def check(self, content: bytes, release: Release) -> None:
        """Check the bytes of a file, from the signature to a trial run.

        Raises
        ------
        ModelFileError
            If they are not the release that they are said to be, or cannot be used here.
        """
        manifest = self.opening.parse(self.model, content).manifest
        said, found = (release.name, release.version), (manifest.name, manifest.version)
        if found != said:
            raise IntegrityError(f"the file is another release: expected name and version {said}. Received: {found}.")
        if self.expect_name not in (None, manifest.name):
            raise ModelFileError(
                f"the file is of another model: expected the name {self.expect_name!r}. Received: {manifest.name!r}."
            )
        if self.try_out is not None:
            self.try_out(content)
