"""What came of scoring an asset: a row of the summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from edge_runtime.errors import missing_extra

if TYPE_CHECKING:
    import polars as pl

SCORED, NO_MODEL, FAILED = "scored", "no model", "failed"
_MOMENTS = ("first_alarm", "last_alarm")


@dataclass(frozen=True)
class ScoreOutcome:
    """What came of one asset.

    Parameters
    ----------
    asset : str
    status : str
        ``scored``, ``no model`` or ``failed``.
    reason : str
        Why there are no scores.
    rows, windows, anomalies, alarms : int
    alarms_per_day : float or None
        None without times.
    highest_score, threshold : float or None
        The highest score, and the threshold it was compared with.
    first_alarm, last_alarm : float or None
        Starts of the first and the last alarm: seconds since 1970, or in the recording's time, or rows.
    is_clock : bool
        Whether they are dates.
    most_blamed : str
        Sensor that was the most to blame in most of the alarms.
    repaired, left_out, off, breaks : int
        Rows with missing values that were repaired, and left out; rows that do not count; jumps in time.
    notices : str
        What was odd about the readings.
    cpu_s : float
    """

    asset: str
    status: str
    reason: str = ""
    rows: int = 0
    windows: int = 0
    anomalies: int = 0
    alarms: int = 0
    alarms_per_day: float | None = None
    highest_score: float | None = None
    threshold: float | None = None
    first_alarm: float | None = None
    last_alarm: float | None = None
    is_clock: bool = False
    most_blamed: str = ""
    repaired: int = 0
    left_out: int = 0
    off: int = 0
    breaks: int = 0
    notices: str = ""
    cpu_s: float = 0.0


def summary_of(outcomes: Sequence[ScoreOutcome]) -> pl.DataFrame:
    """Return the summary, a row for each asset; first and last alarm are dates where all recordings have dates.

    Raises
    ------
    MissingExtraError
        If polars is not installed.
    """
    try:
        import polars as pl
    except ImportError as error:
        raise missing_extra("polars", "workstation", "the table of scores") from error
    types: dict[str, Any] = {
        "str": pl.String, "int": pl.Int64, "bool": pl.Boolean, "float": pl.Float64, "float | None": pl.Float64,
    }  # fmt: skip
    schema = {one.name: types[str(one.type)] for one in fields(ScoreOutcome)}
    frame = pl.DataFrame([vars(one) for one in outcomes], schema=schema)
    scored = [one for one in outcomes if one.status == SCORED]
    if scored and all(one.is_clock for one in scored):
        moments = [(pl.col(name) * 1e6).round().cast(pl.Int64).cast(pl.Datetime("us", "UTC")) for name in _MOMENTS]
        frame = frame.with_columns(moments)
    return frame.drop("is_clock")
