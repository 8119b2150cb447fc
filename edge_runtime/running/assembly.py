"""From the settings of one machine to the runner that watches it."""

from __future__ import annotations

from collections.abc import Callable

from edge_runtime.running.model_keeper import ModelKeeper, ModelSettings
from edge_runtime.running.runner import Runner
from edge_runtime.running.settings import MachineSettings
from edge_runtime.running.trial import try_out
from edge_runtime.sinks.sink import StreamInfo
from edge_runtime.sinks.sink_spec import open_sink
from edge_runtime.sinks.sinks import Sinks
from edge_runtime.sources.aligned import aligned
from edge_runtime.sources.source_spec import open_source
from edge_runtime.sources.table_source import TableSource
from edge_runtime.streaming.monitor import Monitor

Tell = Callable[[str], None]


def assembled(machine: MachineSettings, tell: Tell) -> Runner:
    """Open model, source and sinks of a machine.

    Parameters
    ----------
    machine : MachineSettings
    tell : callable
        Called with a one-line message for each loss, return and problem.

    Raises
    ------
    ModelFileError
        If neither the model file nor the last good one can be used.
    UsageError, RecordingError, OutputError, MissingExtraError
        If source or sinks cannot be opened.
    """
    models = ModelKeeper(model_settings(machine), tell)
    detector = models.start()
    source = aligned(open_source(machine.source, detector.sensor_names, tell), machine.align, detector.sensor_names)
    place = source.place if isinstance(source, TableSource) else None
    monitor = Monitor(detector, machine.monitor, tell, live=source.is_live, place=place)
    info = StreamInfo(detector.manifest.name, monitor.sensors, detector.threshold, monitor.drift_limit)
    sinks = Sinks([open_sink(spec, info, tell) for spec in machine.sink], monitor.notices)
    return Runner(monitor, models, source, sinks, machine.run, tell)


def model_settings(machine: MachineSettings) -> ModelSettings:
    """Return which files may be used, how they are tried out and where the last good one is kept."""
    model, opening, state = machine.model, machine.opening, machine.run.state

    def trial(content: bytes) -> None:
        try_out(content, str(model), opening.runtime, opening.threads)

    return ModelSettings(
        model,
        lambda content: opening.open(model, content),
        # An accelerator belongs to this process: no other can open it for a trial.
        None if opening.accelerator else trial,
        None if state is None else state.with_name(f"{state.name}.model"),
        machine.acceptance,
    )
