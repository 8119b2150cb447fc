"""Forms of values on the command line."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click

from edge_runtime.common.durations import parse_duration

if TYPE_CHECKING:
    from edge_runtime.common.forms import Form
    from edge_runtime.common.setting import Range
    from edge_runtime.tables.row_range import RowRange


class RowsType(click.ParamType):  # type: ignore[type-arg] # generic only from click 8.5 on
    """``START:STOP`` in rows, per cent or time; see `edge_runtime.tables.row_range`."""

    name = "START:STOP"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> RowRange:
        """Return the part."""
        from edge_runtime.tables.row_range import RowRange

        return value if isinstance(value, RowRange) else RowRange.parse(value)


class RowsTextType(RowsType):
    """The same, kept as the text it is once it is known to be good."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the text."""
        super().convert(value, param, ctx)
        return value


class DurationType(click.ParamType):  # type: ignore[type-arg] # generic only from click 8.5 on
    """A time span such as ``90``, ``90s``, ``25m``, ``2h``, ``3d``, ``1w``, in seconds."""

    name = "DURATION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        if isinstance(value, (int, float)):
            return float(value)
        span_s = parse_duration(value)
        if not span_s:
            self.fail(f"expected a time span above zero, such as 90s, 25m, 2h or 1w. Received: {value!r}", param, ctx)
        return span_s


class MomentType(click.ParamType):  # type: ignore[type-arg] # generic only from click 8.5 on
    """A time in ISO 8601, in UTC if it has no zone, or a time span back from now; in seconds since the epoch."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        if isinstance(value, (int, float)):
            return float(value)
        if span_s := parse_duration(value):
            return time.time() - span_s
        try:
            # Before Python 3.11 a Z was not understood.
            moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
            return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
        except (ValueError, OverflowError):
            self.fail(f"expected a time span such as 2d, or a time such as 2026-05-01. Received: {value!r}", param, ctx)


class NamesType(click.ParamType):  # type: ignore[type-arg] # generic only from click 8.5 on
    """Names separated by commas."""

    name = "NAMES"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return the names."""
        if isinstance(value, tuple):
            return value
        return tuple(name.strip() for name in value.split(",") if name.strip())


class NumbersType(click.ParamType):  # type: ignore[type-arg] # generic only from click 8.5 on
    """Numbers separated by commas."""

    name = "NUMBERS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """Return the numbers."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(float(number) for number in value.split(","))
        except ValueError:
            self.fail(f"expected numbers separated by commas. Received: {value!r}", param, ctx)


class UnitsType(click.ParamType):  # type: ignore[type-arg] # generic only from click 8.5 on
    """Whole numbers above zero, separated by commas; an empty text for none."""

    name = "UNITS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Return the numbers."""
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in value.split(",") if part.strip()]
        if not all(part.isdecimal() and int(part) for part in parts):
            self.fail(f"expected whole numbers above zero, such as 128,64. Received: {value!r}", param, ctx)
        return tuple(int(part) for part in parts)


class FormType(click.ParamType):  # type: ignore[type-arg] # generic only from click 8.5 on
    """A value with a text of its own, see `edge_runtime.common.forms`."""

    def __init__(self, form: Form, within: Range | None) -> None:
        self.name, self._form, self._within = form.name, form, within

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value."""
        found = self._form.parse(value) if isinstance(value, str) else value
        if found is None or (self._within is not None and found not in self._within):
            self.fail(f"expected {self._form.expected}. Received: {value!r}", param, ctx)
        return found
