"""From the settings of one machine to the runner that watches it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from edge_runtime.running.model_keeper import ModelKeeper, ModelSettings
from edge_runtime.running.runner import Runner
from edge_runtime.running.settings import MachineSettings
from edge_runtime.running.supervision import Supervisor
from edge_runtime.running.trial import try_out_once
from edge_runtime.sinks.sink import StreamInfo
from edge_runtime.sinks.sink_spec import open_sink
from edge_runtime.sinks.sinks import Sinks
from edge_runtime.sources.source_spec import open_source
from edge_runtime.sources.table_source import TableSource
from edge_runtime.streaming.monitor import Monitor

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
    models = ModelKeeper(model_settings(machine), tell)
    detector = models.start()
    with ExitStack() as opened:  # closed again if what comes after them cannot be opened
        source = open_source(machine.source, detector.sensor_names, tell)
        opened.callback(source.close)
        place = source.place if isinstance(source, TableSource) else None
        monitor = Monitor(detector, machine.monitor, tell, live=source.is_live, place=place)
        name, monitor.counters.restarts = (
            (detector.manifest.name, 0) if member is None else (member.name, member.restarts)
        )
        info = StreamInfo(
            name, monitor.sensors, detector.threshold, monitor.drift_limit, is_one_of_several=member is not None
        )
        sinks = []
        for spec in machine.sink:
            sinks.append(open_sink(spec, info, tell))
            opened.callback(sinks[-1].close)
        opened.pop_all()
    outputs = Sinks(sinks, monitor.notices)
    if member is None:
        return Runner(monitor, models, source, outputs, machine.run, tell)
    return Runner(monitor, models, source, outputs, machine.run, tell, member.supervisor, MEMBER_POLL_S)


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
