"""From the settings of one machine to the runner that watches it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from edge_runtime.running.commissioning import Commissioning
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

if TYPE_CHECKING:  # sqlite3 comes with it
    from edge_runtime.history.history_sink import HistorySink

_EXPECTED_EVERY_S = 1.0
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
    detector, commissioning = models.start(), _commissioning(machine, tell)
    if commissioning is not None:
        detector = commissioning.begin(detector, models.content)
    source = aligned(open_source(machine.source, detector.sensor_names, tell), machine.align, detector.sensor_names)
    place = source.place if isinstance(source, TableSource) else None
    settings = replace(machine.monitor, expected_every_s=_EXPECTED_EVERY_S) if has_page(machine) else machine.monitor
    monitor = Monitor(detector, settings, tell, live=source.is_live, place=place)
    manifest = detector.manifest
    info = StreamInfo(manifest.name, monitor.sensors, detector.threshold, monitor.drift_limit, manifest=manifest)
    recorder = history_sink(machine, info, tell)
    history = None
    if recorder is not None:
        history = recorder.history
        recorder.model(manifest)
        monitor.alarm.ignored = recorder.ignoring.now
    sinks = Sinks([open_sink(spec, info, tell, history) for spec in machine.sink], monitor.notices, recorder)
    return Runner(monitor, models, source, sinks, machine.run, tell, commissioning)


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
    return any(spec.partition(":")[0] == "web" for spec in machine.sink)


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
