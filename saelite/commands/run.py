"""``saelite run``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from saelite.loading import load_detector
from saelite.options import (
    DurationType,
    adaptation_options,
    adaptation_settings,
    alarm_options,
    alarm_settings,
    detector_options,
    on_missing_option,
    only_when_option,
)
from saelite.plain import plain

if TYPE_CHECKING:  # numpy comes with it, and --help needs none
    from edge_runtime.running.model_keeper import ModelSettings


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--source", required=True, metavar="SPEC", help="Where readings come from: -, csv:PATH, jsonl:PATH, "
              "serial:PORT, mqtt://HOST/TOPIC, host, or MODULE:FUNCTION.")  # fmt: skip
@click.option("--sink", "sinks", multiple=True, metavar="SPEC", default=("jsonl:-",), show_default=True,
              help="Where results go: jsonl:PATH, csv:PATH, alarms:PATH, mqtt://HOST, prometheus[:PORT], or "
              "MODULE:FUNCTION; may be given several times.")  # fmt: skip
@on_missing_option
@only_when_option("Watch only while this holds; elsewhere there is no score and no alarm.  [default: as trained]")
@alarm_options
@adaptation_options
@click.option("--stuck-after", default=0, show_default=True, metavar="READINGS",
              help="Warn of a sensor that gives the same value so often; 0 never does.")  # fmt: skip
@click.option("--state", type=click.Path(path_type=Path, dir_okay=False),
              help="Keep window, thresholds and drift in this file over restarts.")  # fmt: skip
@click.option("--state-interval", type=DurationType(), default="10s", show_default=True, help="How old it may be.")
@click.option("--duration", type=DurationType(), help="Stop after so long.  [default: at the end of the source]")
@click.option("--expect-name", metavar="NAME", help="Name that a model must have, whoever signed it.")
@click.option("--allow-downgrade", is_flag=True, help="Take a model of a lower version than the one before.")
@click.option("--stale-after", type=DurationType(),
              help="Nothing may come for so long before the stream counts as dead: an event, MQTT goes offline.  "
              "[default: ten times the usual pause, at least 10s]")  # fmt: skip
@click.option("--on-stale", type=click.Choice(["restart", "exit", "wait"]), default="restart", show_default=True,
              help="Then: let systemd's watchdog start it again, end with an error, or wait on.")  # fmt: skip
@detector_options
def run(model: Path, source: str, sinks: tuple[str, ...], **options: Any) -> None:
    """Watch a stream of readings: results and alarms out, for as long as it lasts.

    Runs until the source ends, Ctrl-C or SIGTERM; what was read is scored and written first. SIGHUP or a new model
    file loads the model again without losing the window. docs/running.md describes sources and sinks,
    docs/alarms.md alarms, docs/adaptation.md what may adapt.

    \b
    Examples:
      saelite run pump.tflite --source serial:/dev/ttyUSB0 --sink mqtt://broker --sink prometheus
      saelite run host.tflite --source host --debounce 3/5 --min-duration 10s
      tail -n +1 -f log.csv | saelite run pump.tflite --source - --sink csv:scores.csv
    """
    from edge_runtime.running.model_keeper import ModelKeeper
    from edge_runtime.running.runner import Runner, RunSettings
    from edge_runtime.sinks.sink import StreamInfo
    from edge_runtime.sinks.sink_spec import open_sink
    from edge_runtime.sinks.sinks import Sinks
    from edge_runtime.sources.source_spec import open_source
    from edge_runtime.sources.table_source import TableSource
    from edge_runtime.streaming.monitor import Monitor

    chosen = {
        name: options[name] for name in ("runtime", "threads", "accelerator", "accelerator_fallback", "trusted_key")
    }

    models = ModelKeeper(_model_settings(model, chosen, options), _tell)
    detector = models.start()
    opened = open_source(source, detector.sensor_names, _tell)
    place = opened.place if isinstance(opened, TableSource) else None
    monitor = Monitor(detector, _settings(options), _tell, live=opened.is_live, place=place)
    info = StreamInfo(detector.manifest.name, monitor.sensors, detector.threshold, monitor.drift_limit)
    outputs = Sinks([open_sink(spec, info, _tell) for spec in sinks], monitor.notices)
    settings = RunSettings(
        *(options[name] for name in ("state", "state_interval", "duration", "stale_after", "on_stale"))
    )
    try:
        Runner(monitor, models, opened, outputs, settings, _tell).run()
    finally:
        _tell(monitor.summary())


def _model_settings(model: Path, chosen: dict[str, Any], options: dict[str, Any]) -> ModelSettings:
    from edge_runtime.running.model_keeper import ModelSettings
    from edge_runtime.running.trial import try_out

    state: Path | None = options["state"]

    def trial(content: bytes) -> None:
        try_out(content, str(model), chosen["runtime"], chosen["threads"])

    return ModelSettings(
        model,
        lambda content: load_detector(model, **chosen, content=content),
        # An accelerator is this process's own: no other can open it for a trial.
        None if chosen["accelerator"] else trial,
        None if state is None else state.with_name(f"{state.name}.model"),
        options["expect_name"],
        options["allow_downgrade"],
    )


def _settings(options: dict[str, Any]) -> Any:
    from edge_runtime.streaming.monitor import MonitorSettings

    return MonitorSettings(
        alarm_settings(*(options[name] for name in ("exit_ratio", "debounce", "min_duration", "cool_down"))),
        adaptation_settings(*(options[name] for name in ("adapt", "target_far", "mean_rate", "mean_ceiling"))),
        options["on_missing"],
        options["stuck_after"],
        options["only_when"],
    )


def _tell(message: str) -> None:
    click.echo(f"saelite: {plain(message)}", err=True)
