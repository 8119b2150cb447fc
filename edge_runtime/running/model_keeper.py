"""The model of a stream: opens it, watches for a new one, tests that before use, and keeps the last good one."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from edge_runtime.common.atomic import write_atomically
from edge_runtime.errors import ModelFileError, OutputError, SaeliteError
from edge_runtime.inference.detector import Detector
from edge_runtime.model_file.container import read_content
from edge_runtime.model_file.manifest import Manifest
from edge_runtime.running.settings import Acceptance

Load = Callable[[bytes], Detector]


class Origin(Protocol):
    """Who puts files in place, if it is not a person."""

    def vouches_for(self, content: bytes) -> bool:
        """Return whether a file may be older than the one before."""

    def complain(self, content: bytes, error: Exception) -> None:
        """Take note that a file cannot be used."""


@dataclass(frozen=True)
class ModelSettings:
    """Which files may be used, and how they are opened.

    Parameters
    ----------
    path : Path
        The watched file: when it changes, it is tested and loaded.
    load : callable
        From a file's bytes to a detector.
    try_out : callable, optional
        Raises `ModelFileError` of bytes that must not be loaded; None where nothing can be tried out.
    last_good : Path, optional
        Where the last file in use is kept.
    acceptance : Acceptance
        Names and versions that may be used.
    origin : Origin, optional
        Puts the files in place: a registry.
    """

    path: Path
    load: Load
    try_out: Callable[[bytes], None] | None = None
    last_good: Path | None = None
    acceptance: Acceptance = field(default_factory=Acceptance)
    origin: Origin | None = None


class ModelKeeper:
    """Opens the model of a stream, and every new one.

    Parameters
    ----------
    settings : ModelSettings
    tell : callable
        Prints one line.

    Attributes
    ----------
    refused : int
        Number of new models that were refused.
    content, sha256 : bytes, str
        The file in use, and its SHA-256, hexadecimal.
    """

    def __init__(self, settings: ModelSettings, tell: Callable[[str], None]) -> None:
        self._settings, self._tell = settings, tell
        self._seen = _fingerprint(settings.path)
        self._trial: _Trial | None = None
        self._tried = b""
        self.content, self.sha256 = b"", ""
        self.refused = 0

    def start(self) -> Detector:
        """Return the first detector: from the file, or from the last good one if the file is refused.

        Raises
        ------
        ModelFileError
            If neither can be used.
        """
        good = self._last_good()
        content = b""
        try:
            content = read_content(self._settings.path)
            # What ran before a restart need not be tried out again: a device starts faster. And where nothing is kept
            # there is nothing to fall back on: a bad file ends the start either way.
            known = self._settings.last_good is None or (good is not None and content == good[0])
            return self._begun(content, self._opened(content, None if good is None else good[1], known=known))
        except SaeliteError as error:
            if good is None:
                raise
            self._complain(content, error)
            self._tell(f"{error} Continuing with the last good file, {self._settings.last_good}.")
            return self._begun(good[0], good[1])

    def look(self, current: Detector, *, asked: bool) -> Detector | None:
        """Return the detector of a new file that has passed its trial; None if there is none.

        Parameters
        ----------
        current : Detector
            The one in use.
        asked : bool
            Load the file even if it looks unchanged.
        """
        if self._trial is None:
            seen = _fingerprint(self._settings.path)
            if asked or (seen is not None and seen != self._seen):
                self._seen = seen
                self._trial = _Trial(
                    lambda: read_content(self._settings.path),
                    lambda content: self._opened(content, current, known=False),
                )
            return None
        if not self._trial.done:
            return None
        trial, self._trial = self._trial, None
        self._tried = trial.content
        if trial.error is not None:
            self.refuse(trial.error)
            return None
        return trial.detector

    @property
    def is_trying(self) -> bool:
        """Whether a new file is on trial."""
        return self._trial is not None

    def refuse(self, error: Exception) -> None:
        """Count and report that the last model that was tried is refused."""
        self._complain(self._tried, error)
        self._tell(f"the new model is refused; the old one stays in use: {error}")

    def accept(self) -> None:
        """Keep the file of the last detector that `look` returned, which is now in use."""
        content = self._tried
        self._uses(content)
        threading.Thread(target=self._keep, args=(content,), name="last good model", daemon=True).start()
        self._tell(f"{self._settings.path} is loaded; the window is kept")

    def _complain(self, content: bytes, error: Exception) -> None:
        self.refused += 1
        if self._settings.origin is not None:
            self._settings.origin.complain(content, error)

    def _opened(self, content: bytes, before: Detector | None, *, known: bool) -> Detector:
        if self._settings.try_out is not None and not known:
            self._settings.try_out(content)
        detector = self._settings.load(content)
        may_be_older = self._settings.origin is not None and self._settings.origin.vouches_for(content)
        self._check_identity(detector.manifest, None if before is None or may_be_older else before.manifest)
        return detector

    def _check_identity(self, manifest: Manifest, before: Manifest | None) -> None:
        expected = self._settings.acceptance.expect_name
        if expected is not None and manifest.name != expected:
            raise ModelFileError(
                f"{self._settings.path} is of another model: expected the name {expected!r}. "
                f"Received: {manifest.name!r}. Check where the file comes from."
            )
        if before is not None and manifest.version < before.version and not self._settings.acceptance.allow_downgrade:
            raise ModelFileError(
                f"{self._settings.path} is older than the previous model: expected version {before.version} or later. "
                f"Received: {manifest.version}. Use --allow-downgrade to accept it."
            )

    def _begun(self, content: bytes, detector: Detector) -> Detector:
        self._uses(content)
        self._keep(content)
        return detector

    def _uses(self, content: bytes) -> None:
        self.content, self.sha256 = content, hashlib.sha256(content).hexdigest()

    def _last_good(self) -> tuple[bytes, Detector] | None:
        path = self._settings.last_good
        if path is None or not path.is_file():
            return None
        try:
            content = read_content(path)
            detector = self._settings.load(content)
            if self._settings.acceptance.expect_name not in (None, detector.manifest.name):
                return None
        except SaeliteError:
            return None
        return content, detector

    def _keep(self, content: bytes) -> None:
        path = self._settings.last_good
        if path is None:
            return
        try:
            if not path.is_file() or path.read_bytes() != content:
                write_atomically(path, content)
        except (OSError, OutputError) as error:
            self._tell(f"the model cannot be kept: {error} The stream continues.")


class _Trial:
    """Opens a new file in a thread, so that it delays no reading."""

    def __init__(self, read: Callable[[], bytes], opened: Callable[[bytes], Detector]) -> None:
        self.content, self.detector, self.error = b"", None, None
        self._read, self._opened = read, opened
        self._thread = threading.Thread(target=self._run, name="new model", daemon=True)
        self._thread.start()

    content: bytes
    detector: Detector | None
    error: Exception | None

    @property
    def done(self) -> bool:
        """Whether it has finished."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self.content = self._read()
            self.detector = self._opened(self.content)
        except Exception as error:  # noqa: BLE001 - whatever a new file causes, the old model stays in use
            self.error = error


def _fingerprint(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
