"""Models from a registry in a running stream: nothing of it delays a reading."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from edge_runtime.errors import OutputError
from edge_runtime.model_file.manifest import Threshold
from edge_runtime.registry.index import digest
from edge_runtime.registry.installed_model import InUse
from edge_runtime.registry.polls import Polls
from edge_runtime.registry.probation import RESULTS, Probation, too_many_alarms
from edge_runtime.registry.registry_settings import RegistrySettings
from edge_runtime.registry.updater import Updater
from edge_runtime.streaming.delivery_events import DeliveryEvent, DeliveryFacts, ModelTaken

_SAVE_S = 60.0
_PATIENCE_S = 3.0
_FAILING = 3
Work = Callable[[], None]


@dataclass(frozen=True)
class Progress:
    """What the stream has done since it began.

    Parameters
    ----------
    results, alarms : int
    watched_s : float
        Time over which windows were scored.
    is_waiting : bool
        Whether no reading has come so far, and none is to be expected soon.
    """

    results: int = 0
    alarms: int = 0
    watched_s: float = 0.0
    is_waiting: bool = False


class ModelDelivery:
    """Keeps the model of a machine as its registry says, by an `Updater` that works in a thread, one thing at a time.

    Parameters
    ----------
    settings : RegistrySettings
    updater : Updater
    tell : callable
        Prints one line.
    """

    def __init__(self, settings: RegistrySettings, updater: Updater, tell: Callable[[str], None]) -> None:
        self._probation_s, self._updater, self._tell = settings.probation_s, updater, tell
        self._polls = Polls(settings.registry_interval_s)
        self._job: threading.Thread | None = None
        self._complaints: deque[tuple[str, str]] = deque()
        self._in_use = InUse(b"", "", 0)
        self._last, self._saved_s = Progress(), 0.0

    def vouches_for(self, content: bytes) -> bool:
        """Return whether the registry, or a roll-back, has put this file in place: its version may be lower."""
        current = self._updater.state.current
        return current is not None and digest(content) == current.sha256

    def complain(self, content: bytes, error: Exception) -> None:
        """Note that the stream cannot use a file; any thread may call it."""
        self._complaints.append((digest(content), str(error)))

    def ask(self) -> None:
        """Look at the registry at once."""
        self._polls.ask()

    def look(self, in_use: InUse, threshold: Threshold, progress: Progress) -> None:
        """Do what is due; never waits.

        Parameters
        ----------
        in_use : InUse
        threshold : Threshold
            Of the model in use, with its promise.
        progress : Progress
        """
        if self._is_busy:
            return
        work = self._due(in_use, threshold, progress)
        if work is not None:
            self._job = threading.Thread(target=self._run, args=(work,), name="registry", daemon=True)
            self._job.start()

    def events(self) -> tuple[DeliveryEvent, ...]:
        """Return what happened since the last call."""
        events = self._updater.events
        return tuple(events.popleft() for _ in range(len(events)))

    @property
    def facts(self) -> DeliveryFacts:
        """Which model runs here, and how that stands to the registry."""
        return DeliveryFacts(
            self._in_use.version, self._in_use.sha256, self._standing(), self._updater.state.index_version
        )

    @property
    def counts(self) -> dict[str, int]:
        """Counts by the names that `Counters` gives them."""
        one = self._updater
        return {"failed_polls": one.failed, "expired_polls": one.expired, "rollbacks": one.rollbacks}

    def close(self, *, crashed: bool) -> None:
        """Save what is known; a clean end is no crash of the model."""
        if self._job is not None:
            self._job.join(_PATIENCE_S)
        state = self._updater.state
        if state.probation is not None and not self._is_busy:
            starts = state.probation.starts if crashed else 0
            self._run(partial(self._updater.installed.save, state.trying(state.probation._replace(starts=starts))))
        self._updater.installed.close()

    @property
    def _is_busy(self) -> bool:
        return self._job is not None and self._job.is_alive()

    def _due(self, in_use: InUse, threshold: Threshold, progress: Progress) -> Work | None:
        state, is_new = self._updater.state, in_use.sha256 != self._in_use.sha256
        is_current = state.current is not None and in_use.sha256 == state.current.sha256
        if is_new and is_current and self._in_use.sha256:
            self._updater.events.append(ModelTaken(time.time(), in_use.version, in_use.sha256, state.index_version))
        before, self._last, self._in_use = (progress if is_new else self._last), progress, in_use
        if self._complaints:
            return partial(self._updater.complain, *self._complaints.popleft())
        if is_current and state.probation is not None:
            work = self._judge(_continued(state.probation, before, progress), threshold, progress)
            if work is not None:
                return work
        return partial(self._poll, in_use) if self._polls.is_due else None

    def _judge(self, now: Probation, threshold: Threshold, progress: Progress) -> Work | None:
        """Return what follows from what a new model has done so far."""
        if reason := too_many_alarms(now, threshold, self._probation_s):
            return partial(self._updater.roll_back, reason)
        if now.watched_s >= self._probation_s:
            return self._updater.settle
        if progress.results >= RESULTS or progress.is_waiting:
            now = now._replace(starts=0)
        installed = self._updater.installed
        before = installed.state.probation or Probation()
        installed.state = installed.state.trying(now)
        if (now.starts, now.alarms) == (before.starts, before.alarms) and now.watched_s < self._saved_s + _SAVE_S:
            return None
        self._saved_s = now.watched_s
        return partial(installed.save, installed.state)

    def _poll(self, in_use: InUse) -> None:
        self._updater.look(in_use)
        self._polls.done(well=not self._updater.failures)

    def _run(self, work: Work) -> None:
        try:
            work()
        except OutputError as error:
            self._tell(f"{error} The stream continues.")

    def _standing(self) -> str:
        state = self._updater.state
        named = self._updater.named or (state.current.sha256 if state.current else "")
        if self._updater.has_expired:
            return "expired"
        if self._updater.failures >= _FAILING:
            return "failing"
        if named in state.refused:
            return "refused"
        if self._in_use.sha256 != named:
            return "other"
        return "probation" if state.probation else "current"


def _continued(probation: Probation, before: Progress, now: Progress) -> Probation:
    return Probation(
        probation.starts,
        probation.results + max(0, now.results - before.results),
        probation.alarms + max(0, now.alarms - before.alarms),
        probation.watched_s + max(0.0, now.watched_s - before.watched_s),
    )
