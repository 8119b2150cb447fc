"""What an asset costs by the way it was learnt, and the table made of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What an asset takes.

    Parameters
    ----------
    way : str
    assets : int
    fit_s, export_s : float
        CPU seconds of an asset, with its share of a common model; export with all its checks, in every process.
    resident_mb : tuple of float
        Resident memory of this process after each quarter of the assets.
    """

    way: str
    assets: int
    fit_s: float
    export_s: float
    resident_mb: tuple[float, ...]


@dataclass(frozen=True)
class Costs:
    """All ways, after one asset that is not counted."""

    costs: tuple[Cost, ...]

    def rows(self) -> list[tuple[str, ...]]:
        """Return a table."""
        head = ("learnt", "assets", "fit, CPU s", "export, CPU s", "together", "memory, MB, by quarters of the assets")
        return [head, *(self._row(one) for one in self.costs)]

    def _row(self, one: Cost) -> tuple[str, ...]:
        seconds = (f"{value:.2f}" for value in (one.fit_s, one.export_s, one.fit_s + one.export_s))
        return (one.way, str(one.assets), *seconds, ", ".join(f"{value:.0f}" for value in one.resident_mb))
