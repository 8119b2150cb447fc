"""The report of a fleet as one HTML page that needs nothing but a browser."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.report.formats import UNKNOWN, number
from benchmarks.report.html import render_page
from edge_runtime.common.atomic import write_atomically
from edge_runtime.common.counted import counted
from saelite.fleet.fleet_table import row_of
from saelite.fleet.outcome import FAILED, FELL_BACK
from saelite.fleet.report.figures import FIGURES, spreads
from saelite.fleet.unlike import FAR

if TYPE_CHECKING:
    from saelite.fleet.fleet import Fleet
    from saelite.fleet.worth_a_look import Look

_PACKAGE = "saelite.fleet.report"
_SHOWN = 20
_GROUPS = ((3, "No model"), (2, "A fallback, or a model in doubt"), (1, "Unlike the others"))
_WORDS = {"asset": "asset", "status": "status", "head": "head", "scheme": "scheme", "quality": "recording's grade"}
_TOLD = {"fallback": "fell back to", "reason": "reason", "findings": "findings", "sensor_names": "names of the sensors"}


def write_fleet_report(fleet: Fleet, path: Path) -> None:
    """Write the page, in full or not at all.

    Raises
    ------
    MissingExtraError
        If jinja2 or matplotlib is not installed.
    OutputError
        If `path` cannot be written.
    """
    write_atomically(path, render_fleet_report(fleet).encode("utf-8", "replace"))


def render_fleet_report(fleet: Fleet) -> str:
    """Return the page."""
    rows = [row_of(one, fleet.unlike.get(one.asset)) for one in fleet.outcomes]
    script = resources.files(_PACKAGE).joinpath("fleet.js").read_text("utf-8")
    return render_page(
        _PACKAGE,
        "fleet.html.j2",
        title=fleet.path.resolve().name or "fleet",
        fleet=fleet,
        verdict=_verdict(fleet),
        tiles=_tiles(fleet),
        groups=_groups(fleet),
        spreads=spreads(rows),
        data=_data(fleet, rows),
        own_style=resources.files(_PACKAGE).joinpath("fleet.css").read_text("utf-8"),
        script=script,
    )


def _verdict(fleet: Fleet) -> str:
    count, looks = len(fleet.outcomes), len(fleet.looks)
    made = sum(one.status != FAILED for one in fleet.outcomes)
    first = (
        f"All {count:,} assets have a model" if made == count else f"{made:,} of {counted(count, 'asset')} have a model"
    )
    return f"{first}; {looks:,} {'is' if looks == 1 else 'are'} worth a look." if looks else f"{first}."


def _groups(fleet: Fleet) -> list[tuple[int, str, int, tuple[Look, ...]]]:
    """Return gravity, title, number of assets and the first ones of every kind of look."""
    found = [(grave, title, [one for one in fleet.looks if one.grave == grave]) for grave, title in _GROUPS]
    return [(grave, title, len(looks), tuple(looks[:_SHOWN])) for grave, title, looks in found if looks]


def _tiles(fleet: Fleet) -> tuple[tuple[str, str], ...]:
    outcomes = fleet.outcomes
    count = len(outcomes)
    failed, fell_back = (sum(one.status == status for one in outcomes) for status in (FAILED, FELL_BACK))
    far = sum(one.distance >= FAR for one in fleet.unlike.values())
    cpu_s = sum(one.cpu_s for one in outcomes)
    return (
        ("assets", f"{count:,}"),
        ("with a model", f"{count - failed:,}"),
        ("fell back", f"{fell_back:,}"),
        ("failed", f"{failed:,}"),
        ("unlike the others", f"{far:,}"),
        ("CPU seconds each", number(cpu_s / count) if count else UNKNOWN),
    )


def _data(fleet: Fleet, rows: list[dict[str, Any]]) -> str:
    """Return the table as JSON that may stand in a script element."""
    figures = [figure for figure in FIGURES if any(row[figure.column] is not None for row in rows)]
    columns = [{"name": title, "number": False} for title in _WORDS.values()]
    columns += [{"name": figure.title, "number": True} for figure in figures]
    looks = {one.asset: one for one in fleet.looks}
    table = []
    for row in rows:
        look = looks.get(row["asset"])
        cells: list[Any] = [row[name] or "" for name in _WORDS]
        cells += [_cell(row[figure.column], figure.show) for figure in figures]
        told = [[title, str(row[name])] for name, title in _TOLD.items() if row[name]]
        told += [["worth a look because", reason] for reason in (look.reasons if look else ())]
        table.append({"cells": cells, "told": told, "grave": look.grave if look else 0})
    return json.dumps({"columns": columns, "rows": table}, ensure_ascii=False).replace("<", "\\u003c")


def _cell(value: Any, show: Any) -> list[Any] | None:
    return None if value is None else [value, show(value)]
