"""A fleet as a table: a row for each asset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edge_runtime.errors import missing_extra
from saelite.fleet.outcome import AssetOutcome, Figures
from saelite.fleet.unlike import Unlike

if TYPE_CHECKING:
    import polars as pl

_NOTHING = Figures()


def frame_of(outcomes: Sequence[AssetOutcome], unlike: Mapping[str, Unlike]) -> pl.DataFrame:
    """Return the table; figures are null where there is no model file.

    Raises
    ------
    MissingExtraError
        If polars is not installed.
    """
    try:
        import polars as pl
    except ImportError as error:
        raise missing_extra("polars", "workstation", "the fleet's table") from error
    types = {
        bool: pl.Boolean, int: pl.Int64, float: pl.Float64, str: pl.String,
    }  # fmt: skip
    schema = {name: types[kind] for name, kind in COLUMNS.items()}
    return pl.DataFrame([row_of(one, unlike.get(one.asset)) for one in outcomes], schema=schema)


def row_of(one: AssetOutcome, unlike: Unlike | None) -> dict[str, Any]:
    """Return an asset's row."""
    found = one.figures
    figures = dict.fromkeys(Figures._fields) if found is None else found._asdict()
    known = {
        "asset": one.asset,
        "status": one.status,
        "fallback": one.fallback,
        "reason": one.reason,
        "rows": one.rows,
        "windows": one.windows,
        "window": one.window,
        "sensors": len(one.sensors),
        "sensor_names": ", ".join(one.sensors),
        "quality": one.quality,
        "findings": "; ".join(one.findings),
        "is_warm": one.is_warm,
        "budget": one.budget,
        "unlike": None if unlike is None else unlike.distance,
        "unlike_because": "" if unlike is None else unlike.because,
        "cpu_s": one.cpu_s,
    }
    return {name: known[name] if name in known else figures[name] for name in COLUMNS}


COLUMNS: Mapping[str, type] = {
    "asset": str,
    "status": str,
    "fallback": str,
    "reason": str,
    "rows": int,
    "windows": int,
    "window": int,
    "sensors": int,
    "sensor_names": str,
    "quality": str,
    "findings": str,
    "is_warm": bool,
    "head": str,
    "scheme": str,
    "smoothing_span": int,
    "threshold": float,
    "budget": str,
    "promised": float,
    "promised_upper": float,
    "measured": float,
    "promised_share": float,
    "measured_share": float,
    "detection": float,
    "roc_auc": float,
    "alarm_agreement": float,
    "parity_failures": str,
    "loss": float,
    "bytes": int,
    "sha256": str,
    "version": int,
    "unlike": float,
    "unlike_because": str,
    "cpu_s": float,
}
"""Columns of the table; what each means is said in docs/how-to/fleets.md."""
