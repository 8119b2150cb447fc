"""What all plots share: colours that follow the page, axes placed in inches, SVG fit to stand inside HTML."""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.report.formats import power_of_ten
from benchmarks.report.report_model import Array
from edge_runtime.errors import missing_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

WIDTH = 9.0
SMALL = 8.0

INK, MUTED, GRID = "#1d2430", "#5f6b7a", "#d9dee5"
NORMAL, FAULT, ALARM = "#1f6fb2", "#e09f1f", "#c8371b"
# The page sets these for light and dark; the hex value stays as fallback for an SVG on its own.
_VARIABLES = {INK: "ink", MUTED: "muted", GRID: "grid", NORMAL: "normal", FAULT: "fault", ALARM: "alarm"}

# Any: matplotlib's own type for this is a list of all its settings.
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.labelsize": SMALL,
    "axes.edgecolor": GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.frameon": False,
    "legend.fontsize": SMALL,
}


def render(name: str, alt: str, size: tuple[float, float], paint: Callable[[Figure], None]) -> str:
    """Return a painted figure as an SVG element; equal figures give equal text.

    Parameters
    ----------
    name : str
        Different for each plot of a page: keeps their element ids apart.
    alt : str
        What the plot shows, in words.
    size : tuple of float
        Width and height in inches.
    paint : callable
        Fills the empty figure.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError as error:
        raise missing_extra("matplotlib", "workstation", "the report") from error
    buffer = io.StringIO()
    with rc_context({**_STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        # Names in any script are drawn with the reader's fonts, not with the one that measures here.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure = Figure(figsize=size)
        paint(figure)
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    return _inline(buffer.getvalue(), alt)


def axes_at(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Return new axes; all in inches from the figure's lower left corner."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up))


def text_width(text: str, size: float = SMALL) -> float:
    """Return about how wide a text is, in inches."""
    return 0.63 * size / 72 * len(text)


def log_limits(values: Array, minimum_ratio: float = 8.0) -> tuple[float, float]:
    """Return limits of a log axis around positive values, wide enough for two labelled ticks."""
    low, high = float(np.min(values)) / 1.3, float(np.max(values)) * 1.3
    widen = math.sqrt(max(1.0, minimum_ratio * low / high))
    return low / widen, high * widen


def label_log_ticks(axis: Axis, limits: tuple[float, float]) -> None:
    """Write ticks as plain numbers; where there are few decades, also 2 and 5."""
    is_short = limits[1] / limits[0] < 200

    def minor(value: float, _: float) -> str:
        leading = round(value / 10.0 ** math.floor(math.log10(value) + 1e-9))
        return power_of_ten(value) if is_short and leading in {2, 5} else ""

    axis.set_major_formatter(lambda value, _: power_of_ten(value))
    axis.set_minor_formatter(minor)


def _inline(document: str, alt: str) -> str:
    svg = document[document.index("<svg") :].strip()
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", svg, count=1, flags=re.DOTALL)
    # Names of groups repeat from plot to plot; ids that are referred to end in a longer hash.
    svg = re.sub(r' id="[\w.]+_\d{1,4}"', "", svg)
    svg = re.sub(r' d="[^"]*"', lambda match: _rounded(match.group()), svg)
    svg = re.sub(r"(fill|stroke): (#[0-9a-f]{6})\b", _as_variable, svg)
    width = re.search(r' width="[^"]*" height="[^"]*"', svg)
    described = f' role="img" aria-label="{escape(alt)}" style="stroke-linejoin: round"'
    return svg.replace(width.group(), described, 1) if width else svg


def _rounded(path: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"(\.\d\d)\d+", r"\1", path))


def _as_variable(match: re.Match[str]) -> str:
    prop, color = match.groups()
    return f"{prop}: var(--{_VARIABLES[color]}, {color})" if color in _VARIABLES else match.group()
