"""``saelite history``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from saelite.option_types import MomentType

if TYPE_CHECKING:
    from edge_runtime.history.history import History

_MOST_ALARMS = 100_000


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--machine", metavar="NAME", help="Show one of several machines.  [default: all]")
@click.option("--since", type=MomentType(), help="Show only what is newer: a time span back from now, such as 2d, or a "
              "time, such as 2026-05-01T06:00.")  # fmt: skip
@click.option("--trend", is_flag=True, help="Show how the score went instead of the alarms.")
@click.option("--sensor", metavar="NAME", help="Show how a sensor went instead of the score.")
@click.option("--points", type=click.IntRange(1, 100_000), default=48, show_default=True,
              help="Number of points of a trend.")  # fmt: skip
@click.option("--csv", "form", flag_value="csv", help="Print CSV.")
@click.option("--json", "form", flag_value="json", help="Print one JSON object per line.")
def history(
    file: Path,
    machine: str | None,
    since: float | None,
    trend: bool,
    sensor: str | None,
    points: int,
    form: str | None,
) -> None:
    """List the alarms in a history, the newest first, or show how a score or a sensor went.

    The history may be in use: it is read while `saelite run --history` records into it. Times are in UTC.

    \b
    Examples:
      saelite history site.db --since 7d
      saelite history site.db --csv > alarms.csv
      saelite history site.db --machine pump --trend --since 2026-05-01
    """
    from edge_runtime.history.history import History
    from saelite.history_rows import alarm_records, trend_records
    from saelite.records import printed

    opened = History.read(file)
    try:
        if trend or sensor is not None:
            names = opened.machines()
            name = names[0] if machine is None and len(names) == 1 else machine or ""
            _check_machine(opened, name)
            text = printed(trend_records(opened, name, sensor, since, points), form)
        else:
            if machine is not None:
                _check_machine(opened, machine)
            records = alarm_records(opened.alarms(machine, since, limit=_MOST_ALARMS), form)
            text = printed(records, form) if records or form else "no alarms"
    finally:
        opened.close()
    if text:  # an empty line would be no JSON
        click.echo(text)


def _check_machine(history: History, machine: str) -> None:
    from edge_runtime.errors import UsageError

    names = history.machines()
    if machine not in names:
        raise UsageError(f"--machine: expected one of {', '.join(names) or 'none so far'}. Received: {machine!r}")
