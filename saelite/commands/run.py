"""``saelite run``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from edge_runtime.common.setting import Setting, all_settings, made
from edge_runtime.errors import UsageError
from edge_runtime.running.settings import MachineSettings
from saelite.plain import tell
from saelite.setting_options import gathered, option_of

_SETTINGS = all_settings(MachineSettings)


def _asked_for(**values: Any) -> MachineSettings | Path:
    """Return what to run: a machine as the options say, or the file of a plant."""
    context, model = click.get_current_context(), values["model"]
    given = [one for one in _SETTINGS if context.get_parameter_source(one.name) is ParameterSource.COMMANDLINE]
    if model.suffix == ".toml":
        words = [f"--{one.word}" for one in given if one.name != "model"]
        if words:
            raise UsageError(
                f"{', '.join(words)}: a plant's file says what its machines do. Expected no options with {model}. "
                "Write them there, without the dashes."
            )
        return Path(model)
    if values["source"] is None:
        raise click.MissingParameter(param_hint="'--source'", param_type="option", ctx=context)
    return made(MachineSettings, values)


def _option(one: Setting) -> Any:
    if one.name != "source":
        return option_of(one)
    return option_of(replace(one, default=None, text=f"{one.text}  [required, unless MODEL is a plant's file]"))


@click.command()
@gathered("asked", _asked_for, [_option(one) for one in _SETTINGS], [one.name for one in _SETTINGS])
def run(asked: MachineSettings | Path) -> None:
    """Score a stream of readings as they arrive, and send results and alarms to sinks.

    Runs until the source ends, Ctrl-C or SIGTERM; everything already read is scored and written first. SIGHUP or a new
    model file reloads the model without losing the window. MODEL may be the file of a plant, PLANT.toml, which says
    all this of any number of machines. See docs/how-to/running.md for sources and sinks,
    docs/how-to/machines.md for several machines, docs/how-to/alarms.md for alarms, and docs/concepts/adaptation.md for
    adaptation.

    \b
    Examples:
      saelite run pump.tflite --source serial:/dev/ttyUSB0 --sink mqtt://broker --sink prometheus
      saelite run host.tflite --source host --debounce 3/5 --min-duration 10s
      tail -n +1 -f log.csv | saelite run pump.tflite --source - --sink csv:scores.csv
      saelite run plant.toml
    """
    if isinstance(asked, Path):
        from edge_runtime.plant.plant import Plant
        from edge_runtime.plant.plant_file import read_plant

        Plant(read_plant(asked), tell).run()
        return
    from edge_runtime.running.assembly import assembled

    runner = assembled(asked, tell)
    try:
        runner.run()
    finally:
        tell(runner.summary())
