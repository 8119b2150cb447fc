"""``saelite fleet``: a group of what is done with many machines at once."""

from __future__ import annotations

from saelite.groups import LazyGroup

fleet = LazyGroup(
    "fleet",
    """Make and look at the models of many machines: one command, one table, one report.

    \b
    Example:
      saelite fleet train pumps/ -o fleet
      saelite fleet watch mqtt://broker
    """,
    commands={
        "train": "saelite.commands.fleet_train:train",
        "report": "saelite.commands.fleet_report:report",
        "watch": "saelite.commands.fleet_watch:watch",
    },
)
