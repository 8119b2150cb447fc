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
    only_when_option,
)

if TYPE_CHECKING:  # numpy comes with it, and --help needs none
    from edge_runtime.detector import Detector


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--source", required=True, metavar="SPEC", help="Where readings come from: -, csv:PATH, jsonl:PATH, "
              "serial:PORT, mqtt://HOST/TOPIC, host, or MODULE:FUNCTION.")  # fmt: skip
@click.option("--sink", "sinks", multiple=True, metavar="SPEC", default=("jsonl:-",), show_default=True,
              help="Where results go: jsonl:PATH, csv:PATH, alarms:PATH, mqtt://HOST, prometheus[:PORT], or "
              "MODULE:FUNCTION; may be given several times.")  # fmt: skip
@click.option("--on-missing", type=click.Choice(["error", "skip", "hold", "interpolate"]), default="skip",
              show_default=True, help="Readings with a missing value: end, leave out, repeat the last value, or wait "
              "for the next and draw a line.")  # fmt: skip
@only_when_option("Watch only while this holds; elsewhere there is no score and no alarm.  [default: as trained]")
@alarm_options
@adaptation_options
@click.option("--stuck-after", default=0, show_default=True, metavar="READINGS",
              help="Warn of a sensor that gives the same value so often; 0 never does.")  # fmt: skip
@click.option("--state", type=click.Path(path_type=Path, dir_okay=False),
              help="Keep window, thresholds and drift in this file over restarts.")  # fmt: skip
@click.option("--state-interval", type=DurationType(), default="10s", show_default=True, help="How old it may be.")
@click.option("--duration", type=DurationType(), help="Stop after so long.  [default: at the end of the source]")
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
    from edge_runtime.running.runner import Runner, RunSettings
    from edge_runtime.sinks.sink import Sinks, StreamInfo
    from edge_runtime.sinks.spec import open_sink
    from edge_runtime.sources.spec import open_source
    from edge_runtime.streaming.stream import Stream

    chosen = {
        name: options[name] for name in ("runtime", "threads", "accelerator", "accelerator_fallback", "trusted_key")
    }

    def load() -> Detector:
        return load_detector(model, **chosen)

    stream = Stream(load(), _settings(options), _tell)
    manifest = stream.detector.manifest
    info = StreamInfo(manifest.name, stream.sensors, stream.detector.threshold, stream.drift_limit)
    opened = open_source(source, stream.sensors, _tell)
    outputs = Sinks([open_sink(spec, info, _tell) for spec in sinks], stream.notices)
    settings = RunSettings(model, load, options["state"], options["state_interval"], options["duration"])
    try:
        Runner(stream, opened, outputs, settings, _tell).run()
    finally:
        _tell(stream.summary())


def _settings(options: dict[str, Any]) -> Any:
    from edge_runtime.streaming.stream import StreamSettings

    return StreamSettings(
        alarm_settings(*(options[name] for name in ("exit_ratio", "debounce", "min_duration", "cool_down"))),
        adaptation_settings(*(options[name] for name in ("adapt", "target_far", "mean_rate", "mean_ceiling"))),
        options["on_missing"],
        options["stuck_after"],
        options["only_when"],
    )


def _tell(message: str) -> None:
    click.echo(f"saelite: {message}", err=True)
