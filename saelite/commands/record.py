"""``saelite record``."""

from __future__ import annotations

from pathlib import Path

import click

from edge_runtime.common.setting import settings_of
from edge_runtime.running.settings import MachineSettings
from saelite.option_types import DurationType, NamesType
from saelite.plain import tell
from saelite.setting_options import option_of


@click.command()
@click.option("--source", default="host", show_default=True, metavar="SPEC", help="Source of the readings: -, "
              "csv:PATH, jsonl:PATH, serial:PORT, mqtt://HOST/TOPIC, modbus://HOST?SENSOR=REGISTER, "
              "modbus-rtu:PORT?SENSOR=REGISTER, opc.tcp://HOST?SENSOR=NODE, host, or MODULE:FUNCTION.")  # fmt: skip
@option_of(next(one for one in settings_of(MachineSettings) if one.name == "align"))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="CSV file to write; .gz compresses it."
)
@click.option("--sensors", type=NamesType(), default=(), help="Sensors to record; also names values that have none.  "
              "[default: those of the first reading]")  # fmt: skip
@click.option(
    "--duration", type=DurationType(), help="Length of the recording, such as 90s, 25m, 2h.  [default: until Ctrl-C]"
)
def record(source: str, align: str | None, output: Path, sensors: tuple[str, ...], duration: float | None) -> None:
    """Record readings from any source of `saelite run`.

    Rows reach the disk within a second; Ctrl-C ends the recording and keeps it. A reading without a time gets that of
    its arrival. docs/how-to/running.md describes sources.

    \b
    Examples: record 25 minutes of this machine's normal work; record a topic
      saelite record --source host --duration 25m -o normal.csv
      saelite record --source 'mqtt://broker/plant/pump' --duration 1d -o normal.csv.gz
    """
    from edge_runtime.sources.aligned import aligned
    from edge_runtime.sources.recorder import record_to_csv
    from edge_runtime.sources.sensor_names import SensorNames
    from edge_runtime.sources.source_spec import open_source

    names = sensors or SensorNames()
    opened = aligned(open_source(source, names, tell), align, names)
    try:
        recorded = record_to_csv(opened, names, output, duration)
    finally:
        opened.close()
    lost = f", {recorded.lost} lost" if recorded.lost else ""
    click.echo(f"{recorded.rows} readings in {output}{lost}")
