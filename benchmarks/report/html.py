"""The report as one HTML page that needs nothing but a browser."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

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
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError as error:
        raise missing_extra("jinja2", "workstation", "the report") from error
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    folder = resources.files("benchmarks.report")
    source, zoom = (folder.joinpath(name).read_text("utf-8") for name in ("report.html.j2", "zoom.js"))
    parts = {"verdict": verdict(report), "tiles": tiles(report), "sections": sections(report)}
    return environment.from_string(source).render(report=report, script=_gestures() + zoom, **parts)


def _gestures() -> str:
    """Return the live page's gestures, without what makes them a module: one file has no other to import from."""
    return page_files()["gestures.js"].content.decode().replace("export function", "function")
