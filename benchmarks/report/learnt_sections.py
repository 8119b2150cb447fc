"""What a training made: which codes fire, how well each sensor is reconstructed, which sensors spoil it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.report.drawing import INK, NORMAL, WIDTH, axes_at, render
from benchmarks.report.formats import number
from benchmarks.report.report_model import LearntShown
from benchmarks.report.report_tables import Column, ReportTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MAX_ROWS = 24


def codes_plot(learnt: LearntShown, rho: float | None) -> str:
    """Return the mean activation of every code, the busiest first."""
    activations = np.sort(learnt.mean_activations)[::-1]

    def paint(figure: Figure) -> None:
        axes = axes_at(figure, 0.75, 0.45, WIDTH - 0.9, 1.5)
        axes.bar(np.arange(len(activations)), activations, color=NORMAL, width=0.8)
        if rho is not None:
            axes.axhline(rho, color=INK, linewidth=0.9, linestyle=":", label="target ρ")
            axes.legend(loc="upper right")
        axes.set_xlabel("codes, the busiest first")
        axes.set_ylabel("mean activation")
        axes.set_xticks([])

    silent = int((learnt.firing_shares == 0).sum())
    alt = (
        f"Mean activation of {len(activations)} codes, from {number(activations[0])} down to "
        f"{number(activations[-1])}; {silent} never fire."
    )
    return render("codes", alt, (WIDTH, 2.1), paint)


def codes_table(learnt: LearntShown) -> ReportTable:
    """Return mean activation and share of windows with an activation above one half, the busiest codes first."""
    order = np.argsort(-learnt.mean_activations, kind="stable")[:_MAX_ROWS]
    rows = ((str(code), learnt.mean_activations[code], learnt.firing_shares[code]) for code in order)
    return ReportTable(
        _title("Codes", "busiest", len(order), len(learnt.mean_activations)),
        (Column("code"), Column("mean activation"), Column("windows it fires in")),
        tuple((code, f"{mean:.3f}", f"{share:.1%}") for code, mean, share in rows),
    )


def sensors_table(learnt: LearntShown) -> ReportTable:
    """Return each sensor's error of reconstruction on held-out windows, the largest first."""
    rows = sorted(learnt.errors, key=lambda row: -row[1])[:_MAX_ROWS]
    columns = (Column("sensor", is_number=False), Column("RMS error, in scales"))
    title = _title("Reconstruction", "worst", len(rows), len(learnt.errors))
    return ReportTable(title, columns, tuple((name, f"{error:.3f}") for name, error in rows))


def quality_table(learnt: LearntShown) -> ReportTable:
    """Return the grade of each sensor in the recording, the worst first."""
    columns = tuple(Column(name, is_number=False) for name in ("sensor", "grade", "why"))
    rows = sorted(learnt.quality, key=lambda row: row[1], reverse=True)[:_MAX_ROWS]
    return ReportTable(
        _title("Quality of the recording", "worst", len(rows), len(learnt.quality)), columns, tuple(rows)
    )


def silent_codes(learnt: LearntShown) -> str:
    """Say how many codes never fire."""
    silent, codes = int((learnt.firing_shares == 0).sum()), len(learnt.firing_shares)
    if not silent:
        return f"All {codes} codes fire at least sometimes."
    return f"{silent} of the {codes} codes never {'fires' if silent == 1 else 'fire'}."


def _title(what: str, kind: str, shown: int, there_are: int) -> str:
    return what if shown == there_are else f"{what}: the {shown} {kind} of {there_are}"
