"""The report's tables for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.report import report_tables as tables
from benchmarks.report.headline import verdict
from benchmarks.report.report_model import Report
from benchmarks.report.report_tables import ReportTable
from edge_runtime.errors import missing_extra

if TYPE_CHECKING:
    from rich.console import Console

_TABLES = (tables.figures_table, tables.rates_table, tables.faults_table, tables.latency_table, tables.sizes_table)


def print_report(report: Report, console: Console) -> None:
    """Print the verdict, and the tables that have rows.

    Raises
    ------
    MissingExtraError
        If rich is not installed.
    """
    try:
        from rich.text import Text
    except ImportError as error:
        raise missing_extra("rich", "workstation", "the report") from error
    # Text, not str: a name in square brackets is a name, not markup.
    console.print(Text(f"{report.title} on {report.recording}", style="bold"))
    console.print(Text(verdict(report)))
    for make in _TABLES:
        _print_table(make(report), console)


def _print_table(table: ReportTable, console: Console) -> None:
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    if not table.rows:
        return
    grid = Grid(title=Text(table.title, style="bold"), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in table.columns:
        grid.add_column(Text(column.name), justify="right" if column.is_number else "left")
    for row in table.rows:
        grid.add_row(*map(Text, row))
    console.print(grid)
