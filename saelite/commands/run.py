"""``saelite run``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from saelite.loading import Opening
from saelite.option_types import DurationType
from saelite.options import on_missing_option, only_when_option, with_adaptation, with_alarm, with_opening
from saelite.plain import tell

if TYPE_CHECKING:  # numpy comes with it, and --help needs none
    from edge_runtime.running.model_keeper import ModelSettings


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--source", required=True, metavar="SPEC", help="Source of the readings: -, csv:PATH, jsonl:PATH, "
              "serial:PORT, mqtt://HOST/TOPIC, host, or MODULE:FUNCTION.")  # fmt: skip
@click.option("--sink", "sinks", multiple=True, metavar="SPEC", default=("jsonl:-",), show_default=True,
              help="Destination of the results: jsonl:PATH, csv:PATH, alarms:PATH, mqtt://HOST, prometheus[:PORT], or "
              "MODULE:FUNCTION; repeatable.")  # fmt: skip
@on_missing_option
@only_when_option("Score only readings that meet this condition; the others are never in alarm.  [default: as trained]")
@with_alarm
@with_adaptation
@click.option("--stuck-after", default=0, show_default=True, metavar="READINGS",
              help="Warn when a sensor repeats the same value this many times; 0 never warns.")  # fmt: skip
@click.option("--state", type=click.Path(path_type=Path, dir_okay=False),
              help="File that keeps window, thresholds, alarm and drift across restarts.")  # fmt: skip
@click.option(
    "--state-interval", type=DurationType(), default="10s", show_default=True, help="Maximum age of the saved state."
)
@click.option("--duration", type=DurationType(), help="Stop after this time.  [default: at the end of the source]")
@click.option("--expect-name", metavar="NAME", help="Refuse models with another name, whoever signed them.")
@click.option("--allow-downgrade", is_flag=True, help="Accept a model with a lower version than the previous one.")
@click.option("--stale-after", type=DurationType(),
              help="Time without readings after which the stream is stale: an event is sent and MQTT goes offline.  "
              "[default: ten times the usual interval, at least 10s]")  # fmt: skip
@click.option("--on-stale", type=click.Choice(["restart", "exit", "wait"]), default="restart", show_default=True,
              help="When stale: have systemd's watchdog restart the service, exit with an error, or wait.")  # fmt: skip
@with_opening
def run(model: Path, source: str, sinks: tuple[str, ...], opening: Opening, **options: Any) -> None:
    """Score a stream of readings as they arrive, and send results and alarms to sinks.

    Runs until the source ends, Ctrl-C or SIGTERM; everything already read is scored and written first. SIGHUP or a new
    model file reloads the model without losing the window. See docs/how-to/running.md for sources and sinks,
    docs/how-to/alarms.md for alarms, and docs/concepts/adaptation.md for adaptation.

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

    models = ModelKeeper(_model_settings(model, opening, options), tell)
    detector = models.start()
    opened = open_source(source, detector.sensor_names, tell)
    place = opened.place if isinstance(opened, TableSource) else None
    monitor = Monitor(detector, _settings(options), tell, live=opened.is_live, place=place)
    info = StreamInfo(detector.manifest.name, monitor.sensors, detector.threshold, monitor.drift_limit)
    outputs = Sinks([open_sink(spec, info, tell) for spec in sinks], monitor.notices)
    settings = RunSettings(
        *(options[name] for name in ("state", "state_interval", "duration", "stale_after", "on_stale"))
    )
    try:
        Runner(monitor, models, opened, outputs, settings, tell).run()
    finally:
        tell(monitor.summary())


def _model_settings(model: Path, opening: Opening, options: dict[str, Any]) -> ModelSettings:
    from edge_runtime.running.model_keeper import ModelSettings
    from edge_runtime.running.trial import try_out

    state: Path | None = options["state"]

    def trial(content: bytes) -> None:
        try_out(content, str(model), opening.runtime, opening.threads)

    return ModelSettings(
        model,
        lambda content: opening.open(model, content),
        # An accelerator belongs to this process: no other can open it for a trial.
        None if opening.accelerator else trial,
        None if state is None else state.with_name(f"{state.name}.model"),
        options["expect_name"],
        options["allow_downgrade"],
    )


def _settings(options: dict[str, Any]) -> Any:
    from edge_runtime.streaming.monitor import MonitorSettings

    return MonitorSettings(
        *(options[name] for name in ("alarm", "adaptation", "on_missing", "stuck_after", "only_when"))
    )
