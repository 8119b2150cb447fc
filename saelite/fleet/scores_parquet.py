"""The scores of a recording as Parquet, block by block, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.arrays import Times
from edge_runtime.common.atomic import atomic_file
from edge_runtime.errors import missing_extra
from edge_runtime.replay.recording_scores import RecordingScores, ScoredRows
from edge_runtime.streaming.results import Results
from edge_runtime.tables.time_text import NUMBER, ZONED

if TYPE_CHECKING:
    from polars import DataFrame

# A group of rows is in memory until it is written: 2**18 rows of the six columns that every file has.
_VALUES_IN_GROUP = 6 * 2**18
_LEVEL = 2
"""Of zstd: times and scores become no smaller at higher ones, which take longer."""


class ScoresParquet:
    """Writes ``time`` (or ``row``), ``score``, ``threshold``, ``anomaly``, ``alarm`` and ``blamed`` for every window.

    Parameters
    ----------
    sensors : tuple of str
    time : str or None
        Name of the time column; None numbers the rows instead.
    kind : str
        What times are, of `edge_runtime.tables.time_text.KINDS`: numbers stay numbers, dates become microseconds.
    explained : bool
        Whether to write each sensor's contribution and expected value.

    Raises
    ------
    MissingExtraError
        If polars is not installed.
    """

    def __init__(self, sensors: tuple[str, ...], time: str | None, kind: str, *, explained: bool) -> None:
        try:
            import polars as pl
        except ImportError as error:
            raise missing_extra("polars", "workstation", "scores as Parquet") from error
        self._polars: Any = pl
        self._sensors, self._time, self._kind, self._explained = sensors, time, kind, explained

    @property
    def schema(self) -> dict[str, Any]:
        """Names and types of the columns."""
        pl = self._polars
        first = pl.Float64 if self._kind == NUMBER else pl.Datetime("us", "UTC" if self._kind == ZONED else None)
        kinds = ("contribution", "expected") if self._explained else ()
        return {
            **({"row": pl.Int64} if self._time is None else {self._time: first}),
            "score": pl.Float32,
            "threshold": pl.Float32,
            "anomaly": pl.Boolean,
            "alarm": pl.Boolean,
            "blamed": pl.Enum(self._sensors),
            **{f"{kind}_{name}": pl.Float32 for kind in kinds for name in self._sensors},
        }

    def write(self, scores: RecordingScores, path: Path, see: Callable[[ScoredRows], None]) -> None:
        """Write the file in full or not at all.

        Parameters
        ----------
        see : callable
            Gets each block, too.

        Raises
        ------
        RecordingError
            If the recording cannot be read or scored.
        OutputError
            If the file cannot be written.
        """
        from polars.io.plugins import register_io_source

        failures: list[BaseException] = []

        def frames(*_: object) -> Iterator[DataFrame]:
            try:
                for block in scores.blocks():
                    see(block)
                    yield self._frame(block)
            except BaseException as failure:
                failures.append(failure)  # polars would make text of it
                raise

        with atomic_file(path) as file:
            try:
                register_io_source(frames, schema=self.schema).sink_parquet(
                    file,
                    compression_level=_LEVEL,
                    row_group_size=_VALUES_IN_GROUP // len(self.schema),
                    maintain_order=True,
                )
            except self._polars.exceptions.PolarsError:
                if failures:
                    raise failures[0] from None
                raise

    def _frame(self, block: ScoredRows) -> DataFrame:
        results, schema = block.results, self.schema
        columns: list[Any] = [
            block.numbers if self._time is None else self._times(results.times),
            results.scores,
            results.thresholds,
            results.anomalies,
            results.alarms,
            self._blamed(results),
        ]
        if self._explained:
            columns += [*results.contributions.T, *results.expected.T]
        pl: Any = self._polars
        frame: DataFrame = pl.DataFrame([
            column if isinstance(column, pl.Series) else pl.Series(name, np.ascontiguousarray(column)).cast(kind)
            for (name, kind), column in zip(schema.items(), columns, strict=True)
        ])  # fmt: skip
        return frame

    def _times(self, times: Times) -> Any:
        # Microseconds in float64 are exact for centuries.
        return times if self._kind == NUMBER else np.rint(times * 1e6).astype(np.int64)

    def _blamed(self, results: Results) -> Any:
        """Return the sensor that contributes most, where there is something to blame it for."""
        pl = self._polars
        told, kind = np.flatnonzero(results.anomalies | results.alarms), self.schema["blamed"]
        blamed = pl.Series("blamed", [None], dtype=kind).new_from_index(0, len(results))
        contributions = results.contributions[told]
        is_known = contributions.max(axis=1, initial=0.0) > 0
        if is_known.any():
            worst = contributions[is_known].argmax(axis=1)
            blamed = blamed.scatter(told[is_known], pl.Series(self._sensors, dtype=kind).gather(worst))
        return blamed
