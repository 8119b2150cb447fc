"""The report as one HTML page that needs nothing but a browser."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from benchmarks.report.headline import tiles, verdict
from benchmarks.report.report_model import Report
from benchmarks.report.sections import sections
from edge_runtime.common.atomic import write_atomically
from edge_runtime.errors import missing_extra
from edge_runtime.page.files import page_files


def write_report(report: Report, path: Path) -> None:
    """Write the page, in full or not at all.

    Raises
    ------
    MissingExtraError
        If jinja2 or matplotlib is not installed.
    OutputError
        If `path` cannot be written.
    """
    write_atomically(path, render_report(report).encode("utf-8", "replace"))


def render_report(report: Report) -> str:
    """Return the page."""
    zoom = resources.files("benchmarks.report").joinpath("zoom.js").read_text("utf-8")
    parts = {"verdict": verdict(report), "tiles": tiles(report), "sections": sections(report)}
    return render_page("benchmarks.report", "report.html.j2", report=report, script=_gestures() + zoom, **parts)


def render_page(package: str, template: str, **parts: Any) -> str:
    """Return a page made from a template in a package; it gets the style of all reports as ``style``.

    Raises
    ------
    MissingExtraError
        If jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError as error:
        raise missing_extra("jinja2", "workstation", "the report") from error
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    style = resources.files("benchmarks.report").joinpath("report.css").read_text("utf-8")
    source = resources.files(package).joinpath(template).read_text("utf-8")
    return environment.from_string(source).render(style=style, **parts)


def _gestures() -> str:
    """Return the live page's gestures, without what makes them a module: one file has no other to import from."""
    return page_files()["gestures.js"].content.decode().replace("export function", "function")
