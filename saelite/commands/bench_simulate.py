"""``saelite bench simulate``."""

from __future__ import annotations

from pathlib import Path

import click

from saelite.workstation import require_workstation


@click.command()
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Folder to write.")
@click.option(
    "--rows",
    default=20_000,
    show_default=True,
    type=click.IntRange(100),
    help="Number of readings; each file holds half.",
)
@click.option("--sensors", default=20, show_default=True, type=click.IntRange(1), help="Number of sensors.")
@click.option(
    "--rate", default="1/60", show_default=True, metavar="HZ", help="Readings per second, as a number or 1/N."
)
@click.option("--modes", default=1, show_default=True, type=click.IntRange(1, 12), help="Number of modes.")
@click.option(
    "--season", default=0.0, show_default=True, type=click.FloatRange(0), help="Amplitude of a daily cycle, in σ."
)
@click.option("--drift", default=0.0, show_default=True, type=click.FloatRange(0), help="Random walk per day, in σ.")
@click.option("--wear", default=0.0, show_default=True, type=click.FloatRange(0), help="Wear per day, in σ.")
@click.option(
    "--standstill",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0, 1, max_open=True),
    help="Share of the time that the machine is off.",
)
@click.option(
    "--size", default=2.0, show_default=True, type=click.FloatRange(0, min_open=True), help="Size of the faults, in σ."
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="Random seed; the same seed writes the same files.",
)
def simulate(
    output: Path,
    rows: int,
    sensors: int,
    rate: str,
    modes: int,
    season: float,
    drift: float,
    wear: float,
    standstill: float,
    size: float,
    seed: int,
) -> None:
    """Write recordings of a simulated machine: normal.csv to learn from, and one file for each of ten fault types.

    Times are artificial. The column anomaly is 1 during the fault.

    \b
    Examples:
      saelite bench simulate -o machine
      saelite bench simulate -o machine --modes 3 --season 1 --standstill 0.1
    """
    rate_hz = _rate(rate)
    require_workstation("bench simulate")
    from benchmarks.simulator import MachineSettings
    from benchmarks.simulator import simulate as simulate_machine
    from benchmarks.simulator.csv_files import write_folder

    settings = MachineSettings(
        rows, sensors, rate_hz=rate_hz, modes=modes, season=season, drift=drift, wear=wear, standstill=standstill
    )
    write_folder(simulate_machine(settings, seed), output, size, click.echo)


def _rate(text: str) -> float:
    number, _, divisor = text.partition("/")
    try:
        rate_hz = float(number) / float(divisor or 1)
    except (ValueError, ZeroDivisionError):
        rate_hz = 0.0
    if not 0 < rate_hz < float("inf"):
        raise click.BadParameter(f"expected readings per second, such as 4 or 1/60. Received: {text!r}")
    return rate_hz
