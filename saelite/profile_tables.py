"""A recording's quality for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saelite.console_tables import table

if TYPE_CHECKING:  # numpy comes with it, and --help needs none
    from training.recordings.profile import Profile

_COLUMNS = ("sensor", "grade", "lowest", "highest", "mean", "deviation", "autocorrelation", "far out", "daily", "note")


def profile_tables(profile: Profile) -> str:
    """Return facts, sensors with their grades, and advice."""
    rows = [
        (
            one.name, one.grade, *(f"{value:.4g}" for value in (one.low, one.high, one.mean, one.deviation)),
            f"{one.autocorrelation:.2f}", f"{one.far_out:.1%}", f"{one.daily:.0%}", one.note,
        )
        for one in profile.sensors
    ]  # fmt: skip
    facts = table([("grade", profile.grade), *profile.facts])
    return "\n".join([facts, "", table([_COLUMNS, *rows], header=True), "", *profile.advice])
