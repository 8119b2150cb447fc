"""A trained fleet: printed, a table of its assets, those first that are worth a look."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.common.counted import counted
from saelite.console_tables import size, table
from saelite.fleet.fleet_folder import FleetFolder
from saelite.fleet.fleet_table import frame_of
from saelite.fleet.outcome import FAILED, FELL_BACK, AssetOutcome
from saelite.fleet.unlike import Unlike, unlike_others
from saelite.fleet.worth_a_look import Look, looks

if TYPE_CHECKING:
    import polars as pl

_SHOWN = 20
_REASON = 90


@dataclass(frozen=True, repr=False)
class Fleet:
    """Models of many assets, and what became of each; its printed form is a table.

    Parameters
    ----------
    path : Path
        The fleet's folder.
    outcomes : tuple of AssetOutcome
        Sorted by asset.
    """

    path: Path
    outcomes: tuple[AssetOutcome, ...]

    @classmethod
    def read(cls, path: str | Path) -> Fleet:
        """Return the fleet in a folder.

        Raises
        ------
        RecordingError
            If it is not a fleet's.
        """
        return cls(Path(path), FleetFolder(Path(path)).outcomes())

    @cached_property
    def unlike(self) -> dict[str, Unlike]:
        """How far each asset is from the others, see `saelite.fleet.unlike`."""
        return unlike_others(self.outcomes)

    @cached_property
    def looks(self) -> tuple[Look, ...]:
        """The assets that are worth a look, and why; the gravest first."""
        return looks(self.outcomes, self.unlike)

    @property
    def frame(self) -> pl.DataFrame:
        """The table as a polars data frame, a row for each asset; the contents of ``fleet.parquet``."""
        return frame_of(self.outcomes, self.unlike)

    def model(self, asset: str) -> Path:
        """Return the model file of an asset."""
        return FleetFolder(self.path).model(asset)

    @property
    def summary(self) -> str:
        """One line: how many models there are, and what they cost."""
        count = Counter(one.status for one in self.outcomes)
        made = len(self.outcomes) - count[FAILED]
        parts = [f"{made:,} of {counted(len(self.outcomes), 'asset')} with a model"]
        parts += [f"{count[FELL_BACK]:,} fell back"] if count[FELL_BACK] else []
        parts += [f"{count[FAILED]:,} failed"] if count[FAILED] else []
        parts += [f"{len(self.looks):,} worth a look"] if self.looks else []
        cpu_s = sum(one.cpu_s for one in self.outcomes)
        each = f", {cpu_s / len(self.outcomes):.2g} each" if self.outcomes else ""
        return f"{self.path}: {'; '.join(parts)}; {cpu_s:,.0f} CPU seconds{each}"

    def __repr__(self) -> str:
        why = {one.asset: one.reasons[0] for one in self.looks}
        order = {one.asset: number for number, one in enumerate(self.looks)}
        first = sorted(self.outcomes, key=lambda one: (order.get(one.asset, len(order)), one.asset))[:_SHOWN]
        if not first:
            return self.summary
        head = ("asset", "status", "rows", "head", "scheme", "promised", "measured", "size", "worth a look because")
        lines = [self.summary, "", table([head, *(_cells(one, why.get(one.asset, "")) for one in first)], header=True)]
        if len(self.outcomes) > _SHOWN:
            lines.append(f"… and {len(self.outcomes) - _SHOWN:,} more, in {FleetFolder(self.path).table}")
        return "\n".join(lines)


def _cells(one: AssetOutcome, why: str) -> tuple[str, ...]:
    why = why if len(why) <= _REASON else f"{why[: _REASON - 1]}…"
    found = one.figures
    if found is None:
        return (one.asset, one.status, f"{one.rows:,}", "–", "–", "–", "–", "–", why)
    unit = one.budget.partition("/")[2]
    promised, measured = (
        ("–" if value is None else f"{value:.2g}/{unit}") for value in (found.promised, found.measured)
    )
    return (
        one.asset,
        one.status,
        f"{one.rows:,}",
        found.head,
        found.scheme,
        promised,
        measured,
        size(found.bytes),
        why,
    )
