"""``saelite fleet report``."""

from __future__ import annotations

from pathlib import Path

import click

from saelite.plain import plain


@click.command()
@click.argument("fleet", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="HTML",
              help="Page to write.  [default: report.html in the fleet's folder]")  # fmt: skip
def report(fleet: Path, output: Path | None) -> None:
    """Write the report of a fleet, also of one that is still being trained, and print its table.

    The report is one self-contained page: which assets are worth a look and why, how every figure is spread, and a
    table to sort and search.

    \b
    Examples:
      saelite fleet report fleet
      saelite fleet report fleet -o monday.html
    """
    from saelite.fleet.fleet import Fleet
    from saelite.fleet.fleet_folder import FleetFolder
    from saelite.fleet.report.page import write_fleet_report

    found = Fleet.read(fleet)
    page = output or FleetFolder(fleet).report
    write_fleet_report(found, page)
    click.echo(plain(repr(found)))
    click.echo(plain(f"report: {page}"))
