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
class CommandCost:
    """What an asset takes by a command.

    Parameters
    ----------
    command : str
    assets, processes : int
        How many there were, and how many processes learnt them.
    cpu_s : float
        CPU seconds of an asset, with its share of the start of every process.
    """

    command: str
    assets: int
    processes: int
    cpu_s: float


@dataclass(frozen=True)
class Costs:
    """All ways, after one asset that is not counted; and the commands, a command for each asset first."""

    costs: tuple[Cost, ...]
    commands: tuple[CommandCost, ...]

    def rows(self) -> list[tuple[str, ...]]:
        """Return a table."""
        head = ("learnt", "assets", "fit, CPU s", "export, CPU s", "together", "memory, MB, by quarters of the assets")
        return [head, *(self._row(one) for one in self.costs)]

    def command_rows(self) -> list[tuple[str, ...]]:
        """Return a table of the commands."""
        head = ("command", "assets", "processes", "CPU s an asset", "times cheaper than the first")
        first = self.commands[0].cpu_s
        return [
            head,
            *(
                (
                    f"`{one.command}`",
                    str(one.assets),
                    str(one.processes),
                    f"{one.cpu_s:.2f}",
                    f"{first / one.cpu_s:.1f}",
                )
                for one in self.commands
            ),
        ]

    def _row(self, one: Cost) -> tuple[str, ...]:
        seconds = (f"{value:.2f}" for value in (one.fit_s, one.export_s, one.fit_s + one.export_s))
        return (one.way, str(one.assets), *seconds, ", ".join(f"{value:.0f}" for value in one.resident_mb))
