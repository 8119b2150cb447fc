"""``saelite feedback``."""

from __future__ import annotations

import getpass
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from saelite.option_types import DurationType

if TYPE_CHECKING:
    from edge_runtime.history.history import History
    from edge_runtime.history.records import Alarm

_KINDS = {"false-alarm": "false_alarm", "real": "real", "ignore": "ignore"}


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("alarm")
@click.argument("mark", type=click.Choice(list(_KINDS)))
@click.option("--until", type=DurationType(), help="With ignore: how long the sensor is ignored.  [default: 1d]")
@click.option("--sensor", metavar="NAME", help="With ignore: the sensor.  [default: the one to blame most]")
@click.option("--who", metavar="NAME", help="Name of who says so.  [default: the user's]")
@click.option("--note", default="", help="What else there is to say.")
@click.option("--machine", metavar="NAME", help="Machine whose last alarm is meant.  [default: any]")
def feedback(
    file: Path,
    alarm: str,
    mark: str,
    until: float | None,
    sensor: str | None,
    who: str | None,
    note: str,
    machine: str | None,
) -> None:
    """Say of an alarm in a history that it was false, or real, or that a sensor is to be ignored for a while.

    ALARM is a number that `saelite history` lists, or `last`. A running `saelite run --history` sees the mark within
    about a second. While a sensor is ignored, no alarm starts while it is the most to blame; scores stay as they are.

    \b
    Examples:
      saelite feedback site.db last false-alarm --note "filter was changed"
      saelite feedback site.db 12 real --who Ann
      saelite feedback site.db 12 ignore --sensor flow --until 2d
    """
    from edge_runtime.errors import UsageError
    from edge_runtime.history.history import History
    from edge_runtime.history.records import IGNORE, Mark
    from edge_runtime.streaming.results import time_text
    from saelite.plain import plain

    kind = _KINDS[mark]
    if kind != IGNORE and (until is not None or sensor is not None):
        raise UsageError(f"--until and --sensor go with ignore. Received: {mark}")
    opened = History.read(file)
    try:
        found, now_s = _alarm(opened, alarm, machine), time.time()
        until_s = None if until is None else now_s + until
        who = _user() if who is None else who
        said = opened.mark(found.id, Mark(kind, who, now_s, note, until_s, sensor or ""))
    finally:
        opened.close()
    what = mark if said.until_s is None else f"ignore {said.sensor} until {time_text(said.until_s)}"
    click.echo(plain(f"alarm {found.id} of {found.machine}, {time_text(found.started_s)}: {what}"))


def _alarm(history: History, text: str, machine: str | None) -> Alarm:
    from edge_runtime.errors import UsageError

    if text == "last":
        return history.last_alarm(machine)
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise UsageError(f"ALARM: expected a number that `saelite history` lists, or last. Received: {text!r:.80}")
    return history.alarm(int(text))


def _user() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # a user without a name
        return ""
