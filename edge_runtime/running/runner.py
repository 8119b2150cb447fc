"""The loop of `saelite run`: from source through stream to sinks, until it is stopped."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from edge_runtime.errors import SaeliteError, SourceStaleError
from edge_runtime.inference.detector import Detector
from edge_runtime.registry.installed_model import InUse
from edge_runtime.registry.model_delivery import ModelDelivery, Progress
from edge_runtime.running.commissioning import Commissioning
from edge_runtime.running.every import Every
from edge_runtime.running.model_keeper import ModelKeeper
from edge_runtime.running.settings import RunSettings
from edge_runtime.running.signals import listen_to_signals
from edge_runtime.running.state_keeper import StateKeeper
from edge_runtime.running.supervision import Supervisor, Systemd
from edge_runtime.signal.readings import Readings
from edge_runtime.sinks.sink import EndOfOutput
from edge_runtime.sinks.sinks import Sinks
from edge_runtime.sources.source import Source
from edge_runtime.streaming.health import HealthEvent, HealthWatch, SensorBack, SensorSilent, StreamFresh, StreamStale
from edge_runtime.streaming.monitor import Monitor

_POLL_S = 0.2
_STATUS_S = 1.0
_DRAIN_S = 5.0
_WAIT_S = 0.1


class Runner:
    """Runs a stream until the source ends, a signal arrives, or the duration has passed.

    SIGTERM and SIGINT end it after everything read is scored and written; SIGHUP, or a changed model file, reloads
    the model.

    Parameters
    ----------
    monitor : Monitor
    models : ModelKeeper
    source : Source
    sinks : Sinks
    settings : RunSettings
    tell : callable
        Prints one line.
    commissioning : Commissioning, optional
        Learns the machine first.
    supervisor : Supervisor, optional
        By default systemd, if it started the process.
    delivery : ModelDelivery, optional
        Brings new models from a registry.
    poll_s : float
        Time between two looks at model file, state file and requests to stop while no reading comes.
    """

    def __init__(  # noqa: PLR0913 - the parts it holds together
        self,
        monitor: Monitor,
        models: ModelKeeper,
        source: Source,
        sinks: Sinks,
        settings: RunSettings,
        tell: Callable[[str], None],
        commissioning: Commissioning | None = None,
        supervisor: Supervisor | None = None,
        delivery: ModelDelivery | None = None,
        poll_s: float = _POLL_S,
    ) -> None:
        self._supervisor, self._poll_s = supervisor or Systemd(), poll_s
        self._monitor, self._models, self._source, self._sinks = monitor, models, source, sinks
        self._settings, self._tell = settings, tell
        self._commissioning, self._delivery = commissioning, delivery
        self._stopping = self._reload_asked = False
        self._status = Every(_STATUS_S)
        self._keeper = (
            StateKeeper(settings.state, settings.state_interval_s, monitor, sinks.unwritten) if settings.state else None
        )
        preprocessing = monitor.detector.manifest.spec.preprocessing
        reach = preprocessing.window + preprocessing.stride
        self._health = HealthWatch(monitor.sensors, settings.stale_after_s, reach)

    def run(self) -> None:
        """Run to the end.

        Raises
        ------
        RecordingError
            If the source cannot be read, or a value is missing and the policy is ``error``.
        OutputError
            If no sink took some of the results.
        SourceStaleError
            If the stream is stale and set to end then.
        """
        listen_to_signals(self.stop, self.reload)
        try:
            if self._keeper:
                self._sinks.announce_again(self._keeper.restore(), self._monitor.sensors)
            if self._commissioning:
                self._commissioning.start()
                self._learn(self._commissioning)
            self._supervisor.ready()
            end_s = math.inf if self._settings.duration_s is None else time.monotonic() + self._settings.duration_s
            while not self._stopping and time.monotonic() < end_s:
                readings = self._source.poll(min(self._poll_s, self._keeper.left_s if self._keeper else math.inf))
                if readings is None:
                    break
                self._take(readings)
                self._look_around()
            self._drain()
        except EndOfOutput:
            pass
        finally:
            self._supervisor.stopping()
            self._finish()
        self._sinks.raise_lost()

    def summary(self) -> str:
        """Return a one-line summary, see `Monitor.summary`."""
        return self._monitor.summary()

    def _take(self, readings: Readings) -> None:
        off = self._monitor.counters.off
        results = self._monitor.push(readings)
        self._health.took(len(readings), len(results), self._monitor.counters.off - off)
        if len(results) or results.events:
            self._sinks.expect(results)
            if not self._sinks.has_room:
                self._wait_for_room()
            self._sinks.write(results)
        self._monitor.raise_refusal()
        # A recording can wait until its machine is learnt; live readings are watched meanwhile.
        while self._commissioning and self._commissioning.is_over and not (self._source.is_live or self._stopping):
            self._learn(self._commissioning)
            time.sleep(_WAIT_S)

    def _wait_for_room(self) -> None:
        """Wait for the slowest sink, as long as the source can wait without loss and no other sink is delayed."""
        give_up_s = time.monotonic() + self._source.patience_s
        while not self._sinks.has_room and not self._stopping:
            if time.monotonic() >= give_up_s and not (self._source.patience_s and self._sinks.all_full):
                self._sinks.give_up()
                return
            self._sinks.wait_for_room(_WAIT_S)
            self._look_around()

    def _look_around(self) -> None:
        if not self._health.stale or self._settings.on_stale == "wait":
            self._supervisor.alive()
        if self._keeper:
            self._keeper.look()
        if self._status.due() or (self._reload_asked and not self._models.is_trying):
            self._look_at_health()
            self._count()
            self._sinks.status(self._monitor.counters)
            if self._delivery:
                self._look_at_registry(self._delivery)
            self._watch_model()
            if self._commissioning:
                self._learn(self._commissioning)

    def _look_at_health(self) -> None:
        health = self._health.look(self._monitor.missing_since_s)
        self._monitor.counters.silent = len(health.silent)
        learning = self._commissioning.events() if self._commissioning else ()
        delivered = self._delivery.events() if self._delivery else ()
        self._sinks.health(replace(health, events=(*health.events, *learning, *delivered)))
        for event in health.events:
            self._tell_of(event)
        if health.stale and self._settings.on_stale == "exit":
            raise SourceStaleError(
                f"{self._source.name}: no readings for {health.stale_after_s:.3g} s. Expected readings. "
                "Check the source, or use --on-stale wait."
            )

    def _tell_of(self, event: HealthEvent) -> None:
        if isinstance(event, StreamStale):
            self._tell(f"no {event.missing} from {self._source.name} for {event.silent_s:.3g} s: the stream is stale")
        elif isinstance(event, StreamFresh):
            self._tell(f"{self._source.name} is watched again, after {event.silent_s:.3g} s")
        elif isinstance(event, SensorSilent):
            self._tell(f"sensor {event.sensor!r} has had no value for {event.silent_s:.3g} s: is it dead?")
        elif isinstance(event, SensorBack):
            self._tell(f"sensor {event.sensor!r} has values again")

    def _drain(self) -> None:
        """Score the readings that the source has already received."""
        self._source.stop()
        end_s = time.monotonic() + _DRAIN_S
        while time.monotonic() < end_s:
            readings = self._source.poll(0.05)
            if readings is None or not (len(readings) or readings.lost):
                return
            self._take(readings)

    def _finish(self) -> None:
        self._monitor.end()
        if self._delivery:
            self._delivery.close(crashed=not isinstance(sys.exc_info()[1], SaeliteError | None))
        if self._keeper:
            self._keeper.end()
        if self._commissioning:
            self._commissioning.close()
            if events := self._commissioning.events():
                health = self._health.look(self._monitor.missing_since_s)
                self._sinks.health(replace(health, events=(*health.events, *events)))
        self._source.close()
        self._count()
        with suppress(EndOfOutput):
            self._sinks.status(self._monitor.counters)
        self._sinks.close()
        if self._keeper:
            self._keeper.close()
        self._count()

    def _count(self) -> None:
        self._monitor.counters.reconnects = getattr(self._source, "reconnects", 0)
        self._monitor.counters.undelivered = self._sinks.undelivered

    def _watch_model(self) -> None:
        was_trying, asked = self._models.is_trying, self._reload_asked
        detector = self._models.look(self._monitor.detector, asked=asked)
        self._reload_asked = asked and was_trying
        if self._models.is_trying and not was_trying:
            self._supervisor.reloading()
        if detector is not None:
            self._use(detector)
        if was_trying and not self._models.is_trying:
            self._supervisor.reloaded()
        self._monitor.counters.refused_models = self._models.refused

    def _look_at_registry(self, delivery: ModelDelivery) -> None:
        counters, detector = self._monitor.counters, self._monitor.detector
        if self._reload_asked:
            delivery.ask()
        delivery.look(
            InUse(self._models.content, self._models.sha256, detector.manifest.version),
            detector.manifest.threshold,
            Progress(
                counters.scored, counters.alarms, self._monitor.watched_s, self._health.stale and not counters.read
            ),
        )
        self._sinks.delivery(delivery.facts)
        for name, count in delivery.counts.items():
            setattr(counters, name, count)

    def _learn(self, commissioning: Commissioning) -> None:
        """Take over what was learnt, once it is."""
        learnt = commissioning.look(self._monitor.usual_step_s)
        if learnt is not None:
            self._monitor.use(learnt)
        self._monitor.learner = commissioning.learner
        self._monitor.counters.to_learn = commissioning.left_percent

    def _use(self, detector: Detector) -> None:
        try:
            self._monitor.use(detector)
        except SaeliteError as error:
            self._models.refuse(error)
        else:
            self._monitor.counters.reloads += 1
            self._sinks.model(detector.manifest)
            self._models.accept()
            if self._commissioning:
                self._monitor.use(self._commissioning.begin(detector, self._models.content))
                self._commissioning.start()

    def stop(self) -> None:
        """End after everything read is scored and written; any thread may call it."""
        self._stopping = True

    def reload(self) -> None:
        """Load the model again, even if its file looks unchanged; any thread may call it."""
        self._reload_asked = True

    @property
    def is_live(self) -> bool:
        """Whether the readings come as they are made."""
        return self._source.is_live
