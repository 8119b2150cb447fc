"""One look at a registry: what it names is fetched, checked and put in place, or refused; what fails is taken back."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from edge_runtime.errors import MissingExtraError, OutputError, RegistryError, SaeliteError, UsageError
from edge_runtime.registry.device_state import DeviceState
from edge_runtime.registry.index import Release
from edge_runtime.registry.installed_model import Installed, InUse
from edge_runtime.registry.offers import Offers, offered
from edge_runtime.registry.reader import open_reader
from edge_runtime.registry.registry_settings import RegistrySettings
from edge_runtime.registry.requirements import Requirements
from edge_runtime.streaming.delivery_events import DeliveryEvent, ModelRefused, ModelRolledBack

# These say nothing of the model: the same file may be taken another time.
_NOT_ITS_FAULT = (OutputError, UsageError, MissingExtraError, RegistryError)


class Updater:
    """Brings the model file of a machine to what its registry names. Every method waits for network and disk.

    Parameters
    ----------
    settings : RegistrySettings
    model, state : Path
        The model file, and the stream's state file.
    requirements : Requirements
    tell : callable
        Prints one line.

    Attributes
    ----------
    installed : Installed
    events : deque of DeliveryEvent
    named : str
        SHA-256 of the file that the registry named last; empty before the first look.
    failed, failures : int
        Looks that failed, and how many of them in a row just now.
    expired, rollbacks : int
        Looks at an index that had expired; models that were rolled back.

    Raises
    ------
    UsageError
        If the registry's address is not one.
    OutputError
        If another process uses the same state.
    """

    def __init__(
        self,
        settings: RegistrySettings,
        model: Path,
        state: Path,
        requirements: Requirements,
        tell: Callable[[str], None],
    ) -> None:
        reader = open_reader(settings.registry or "")
        self._asset, self._place = settings.asset or "", reader.place
        self._requirements, self._tell = requirements, tell
        self._offers = Offers(reader, requirements.trusted_keys)
        self._said: dict[str, str] = {}
        self.installed = Installed(model, state, self._asset, self._place, tell)
        self.events: deque[DeliveryEvent] = deque()
        self.named = ""
        self.failed = self.failures = self.expired = self.rollbacks = 0

    @property
    def state(self) -> DeviceState:
        """What is remembered of the registry."""
        return self.installed.state

    @property
    def has_expired(self) -> bool:
        """Whether the newest index seen has expired."""
        return 0 < self.state.expires_s < time.time()

    def begin(self) -> None:
        """Bring the files in step, take back what crashes, and fetch a first model if there is none.

        Raises
        ------
        SaeliteError
            If there is no model, and none can be had.
        """
        before = self.state
        if self.installed.begin():
            self._rolled_back(before, "it was started several times and gave no results")
        if self.installed.is_empty:
            self._look(None)

    def look(self, in_use: InUse) -> None:
        """Look at the registry once, and take what it names; a failure is counted, and told once."""
        try:
            self._look(in_use)
        except Exception as error:  # noqa: BLE001 - whatever a registry causes, the stream continues
            self.failed += 1
            self.failures += 1
            self._count_expired()
            self._say("look", f"{error} The stream continues.")
        else:
            self.failures = 0
            self._said.pop("look", None)

    def complain(self, sha256: str, reason: str) -> None:
        """Take back, or refuse, a file that the stream could not use."""
        current = self.state.current
        if current is None or sha256 != current.sha256:
            return
        if self.state.previous is None:
            self._refuse(sha256, current.version, reason)
        else:
            self.roll_back(reason)

    def roll_back(self, reason: str) -> None:
        """Go back to the previous model, and never take this one again.

        Raises
        ------
        OutputError
            If the files cannot be written.
        """
        before = self.state
        self.installed.roll_back()
        self._rolled_back(before, reason)

    def settle(self) -> None:
        """End the probation.

        Raises
        ------
        OutputError
            If the state cannot be written.
        """
        self.installed.save(self.state.settled())
        version = self.state.current.version if self.state.current else 0
        self._tell(f"version {version} has passed its probation")

    def _look(self, in_use: InUse | None) -> None:
        index, state = self._offers.look(self.state)
        if state != self.state:
            self.installed.save(state)
        if self._count_expired():
            if in_use is None:
                raise RegistryError(f"the index of {self._place} has expired. Expected a fresh one: publish again.")
            return
        release = offered(index, self._asset, self._place)
        self.named = release.sha256
        if release.sha256 in state.refused:
            if in_use is None:
                raise RegistryError(f"{self._place}: version {release.version} was refused here. Publish another.")
        elif in_use is not None and release.sha256 == in_use.sha256:
            self.installed.mend(in_use)
        elif not self.installed.holds(release.sha256) and self._may_follow(release, in_use):
            self._take(release, in_use)

    def _may_follow(self, release: Release, in_use: InUse | None) -> bool:
        if in_use is None or release.version >= in_use.version or release.may_be_older:
            return True
        self._say(
            "older",
            f"{self._place} names version {release.version}, older than {in_use.version} in use: it is not taken. "
            "To take a release back, publish the older one with --allow-downgrade.",
        )
        return False

    def _take(self, release: Release, in_use: InUse | None) -> None:
        content = self._offers.fetch(release)
        try:
            self._requirements.check(content, release)
        except SaeliteError as error:
            if isinstance(error, _NOT_ITS_FAULT):
                raise
            self._refuse(release.sha256, release.version, str(error))
            if in_use is None:
                raise
            return
        self._tell(f"version {release.version} from {self._place}: checked, and put in place")
        self.installed.take(release, content, in_use)

    def _refuse(self, sha256: str, version: int, reason: str) -> None:
        self.installed.save(self.state.refusing(sha256))
        self.events.append(ModelRefused(time.time(), version, sha256, self.state.index_version, reason))
        self._tell(f"version {version} from {self._place} is refused, and not fetched again: {reason}")

    def _rolled_back(self, before: DeviceState, reason: str) -> None:
        if before.current is not None:
            sha256, version = before.current
            self.rollbacks += 1
            self.events.append(ModelRolledBack(time.time(), version, sha256, before.index_version, reason))
            self._tell(f"version {version} is rolled back, and not fetched again: {reason}")

    def _count_expired(self) -> bool:
        if self.has_expired:
            self.expired += 1
            self._say(
                "expired",
                f"the index of {self._place} has expired: expected a fresh one. The model in use continues, and no "
                "other is taken. Publish again; if that was done, somebody holds it back.",
            )
        else:
            self._said.pop("expired", None)
        return self.has_expired

    def _say(self, kind: str, message: str) -> None:
        """Tell something unless it was the last thing told of its kind."""
        if self._said.get(kind) != message:
            self._said[kind] = message
            self._tell(message)
