"""From the settings of one machine to the runner that watches it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from edge_runtime.inference.detector import Detector
from edge_runtime.registry.model_delivery import ModelDelivery
from edge_runtime.registry.requirements import Requirements
from edge_runtime.registry.updater import Updater
from edge_runtime.running.commissioning import Commissioning
from edge_runtime.running.model_keeper import ModelKeeper, ModelSettings
from edge_runtime.running.runner import Runner
from edge_runtime.running.settings import MachineSettings
from edge_runtime.running.supervision import Supervisor
from edge_runtime.running.trial import try_out_once
from edge_runtime.sinks.sink import StreamInfo
from edge_runtime.sinks.sink_spec import open_sink
from edge_runtime.sinks.sinks import Sinks
from edge_runtime.sources.aligned import aligned
from edge_runtime.sources.source import Source
from edge_runtime.sources.source_spec import open_source
from edge_runtime.sources.table_source import TableSource
from edge_runtime.streaming.monitor import Monitor

if TYPE_CHECKING:  # sqlite3 comes with it
    from edge_runtime.history.history_sink import HistorySink

_EXPECTED_EVERY_S = 1.0
Tell = Callable[[str], None]
MEMBER_POLL_S = 1.0
"""A hundred machines that look around five times a second take a third more of the processor than once a second."""


@dataclass(frozen=True)
class Membership:
    """One of several machines of a process.

    Parameters
    ----------
    name : str
        Of the machine.
    supervisor : Supervisor
    restarts : int
        Times that it was started again so far.
    """

    name: str
    supervisor: Supervisor
    restarts: int = 0


def assembled(machine: MachineSettings, tell: Tell, member: Membership | None = None) -> Runner:
    """Open model, source and sinks of a machine.

    Parameters
    ----------
    machine : MachineSettings
    tell : callable
        Called with a one-line message for each loss, return and problem.
    member : Membership, optional
        Of a plant; by default the machine has the process, and the model's name, to itself.

    Raises
    ------
    ModelFileError
        If neither the model file nor the last good one can be used.
    UsageError, RecordingError, OutputError, MissingExtraError
        If source or sinks cannot be opened.
    """
    delivery = _delivery(machine, tell)
    models, detector = _started(machine, delivery, tell)
    commissioning = _commissioning(machine, tell)
    with ExitStack() as opened:  # closed again if what comes after them cannot be opened
        if delivery is not None:
            opened.callback(partial(delivery.close, crashed=False))
        if commissioning is not None:
            detector = commissioning.begin(detector, models.content)
        source = aligned(open_source(machine.source, detector.sensor_names, tell), machine.align, detector.sensor_names)
        opened.callback(source.close)
        monitor = _monitor(machine, detector, source, tell)
        monitor.counters.restarts = 0 if member is None else member.restarts
        info = _info(monitor, member)
        recorder = history_sink(machine, info, tell)
        history = None
        if recorder is not None:
            opened.callback(recorder.close)
            history = recorder.history
            recorder.model(detector.manifest)
            monitor.alarm.ignored = recorder.ignoring.now
        sinks = []
        for spec in machine.sink:
            sinks.append(open_sink(spec, info, tell, history))
            opened.callback(sinks[-1].close)
        opened.pop_all()
    outputs = Sinks(sinks, monitor.notices, recorder)
    if member is None:
        return Runner(monitor, models, source, outputs, machine.run, tell, commissioning, delivery=delivery)
    return Runner(
        monitor, models, source, outputs, machine.run, tell, commissioning, member.supervisor, delivery, MEMBER_POLL_S
    )


def _delivery(machine: MachineSettings, tell: Tell) -> ModelDelivery | None:
    """Return what brings models from a registry, the model file in place; None without a registry."""
    if machine.registry.registry is None or machine.run.state is None:
        return None
    settings = model_settings(machine)
    requirements = Requirements(machine.opening, machine.model, machine.acceptance.expect_name, settings.try_out)
    updater = Updater(machine.registry, machine.model, machine.run.state, requirements, tell)
    delivery = ModelDelivery(machine.registry, updater, tell)
    try:
        updater.begin()
    except BaseException:
        delivery.close(crashed=False)
        raise
    return delivery


def _started(machine: MachineSettings, delivery: ModelDelivery | None, tell: Tell) -> tuple[ModelKeeper, Detector]:
    models = ModelKeeper(replace(model_settings(machine), origin=delivery), tell)
    try:
        return models, models.start()
    except BaseException:
        if delivery is not None:
            delivery.close(crashed=True)
        raise


def _monitor(machine: MachineSettings, detector: Detector, source: Source, tell: Tell) -> Monitor:
    place = source.place if isinstance(source, TableSource) else None
    settings = replace(machine.monitor, expected_every_s=_EXPECTED_EVERY_S) if has_page(machine) else machine.monitor
    return Monitor(detector, settings, tell, live=source.is_live, place=place)


def _info(monitor: Monitor, member: Membership | None) -> StreamInfo:
    detector = monitor.detector
    return StreamInfo(
        detector.manifest.name if member is None else member.name,
        monitor.sensors,
        detector.threshold,
        monitor.drift_limit,
        manifest=detector.manifest,
        is_one_of_several=member is not None,
    )


def _commissioning(machine: MachineSettings, tell: Tell) -> Commissioning | None:
    if machine.learning.learn_s is None:
        return None
    run = machine.run
    return Commissioning(machine.learning, run.state, run.state_interval_s, machine.model, machine.opening, tell)


def history_sink(machine: MachineSettings, info: StreamInfo, tell: Tell) -> HistorySink | None:
    """Open the history of a machine, if it has one; for a page without one it is kept in memory.

    Raises
    ------
    HistoryError, OutputError
        If its file is something else, or cannot be written.
    """
    path = machine.run.history
    if path is None and not has_page(machine):
        return None
    from edge_runtime.history.history import History
    from edge_runtime.history.history_sink import HistorySink
    from edge_runtime.history.keep import Keep
    from edge_runtime.history.sharing import SHELF

    keep = Keep.parse(machine.run.history_keep)
    history = History.open(None, tell=tell) if path is None else SHELF.take(path, keep, tell)
    return HistorySink(history, info, tell, SHELF.give_back)


def has_page(machine: MachineSettings) -> bool:
    """Return whether a machine is shown on a live page."""
    return bool(pages_of(machine))


def pages_of(machine: MachineSettings) -> list[str]:
    """Return the sinks of a machine that are live pages."""
    return [spec for spec in machine.sink if spec.partition(":")[0] == "web"]


def model_settings(machine: MachineSettings) -> ModelSettings:
    """Return which files may be used, how they are tried out and where the last good one is kept."""
    model, opening, state = machine.model, machine.opening, machine.run.state

    def trial(content: bytes) -> None:
        try_out_once(content, str(model), opening.runtime, opening.threads)

    return ModelSettings(
        model,
        lambda content: opening.open(model, content),
        # An accelerator belongs to this process: no other can open it for a trial.
        None if opening.accelerator else trial,
        None if state is None else state.with_name(f"{state.name}.model"),
        machine.acceptance,
    )
