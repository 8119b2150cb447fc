"""``saelite run``."""

from __future__ import annotations

import click

from edge_runtime.running.settings import MachineSettings
from saelite.plain import tell
from saelite.setting_options import settings_options


@click.command()
@settings_options(MachineSettings, "machine")
def run(machine: MachineSettings) -> None:
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
    from edge_runtime.running.assembly import assembled

    runner = assembled(machine, tell)
    try:
        runner.run()
    finally:
        tell(runner.summary())
