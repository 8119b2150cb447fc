"""Option types and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edge_runtime.common.durations import parse_duration
from edge_runtime.signal.missing import POLICIES

if TYPE_CHECKING:  # numpy comes with it, and --help needs none
    from edge_runtime.streaming.alarm import AlarmSettings
    from edge_runtime.streaming.judging import AdaptationSettings
    from edge_runtime.tables.row_range import RowRange

F = TypeVar("F", bound=Callable[..., Any])
RATE = click.FloatRange(0, 1, max_open=True)


class RowsType(click.ParamType):  # type: ignore[type-arg] # generic only from click 8.5 on
    """``START:STOP`` in rows, per cent or time; see `edge_runtime.tables.row_range`."""

    name = "START:STOP"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> RowRange:
        """Return the part."""
        from edge_runtime.tables.row_range import RowRange

        return value if isinstance(value, RowRange) else RowRange.parse(value)


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
            self.fail(f"expected numbers with commas between them. Received: {value!r}", param, ctx)


def rows_option(help_text: str) -> Callable[[F], F]:
    """``--rows START:STOP``."""
    forms = "START:STOP in rows (0:400), per cent (25%:75%) or time (0h:2h), or START..STOP in dates and times."
    return click.option("--rows", type=RowsType(), default=":", show_default=True, help=f"{help_text} {forms}")


def only_when_option(help_text: str) -> Callable[[F], F]:
    """``--only-when CONDITION``."""
    return click.option("--only-when", metavar="CONDITION", help=help_text)


class DebounceType(click.ParamType):  # type: ignore[type-arg] # generic only from click 8.5 on
    """``N/M``: so many of the last so many."""

    name = "N/M"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Return both numbers."""
        if isinstance(value, tuple):
            return value
        needed, slash, out_of = value.partition("/")
        if not slash or not needed.isdigit() or not out_of.isdigit():
            self.fail(f"expected N/M, for example 3/5. Received: {value!r}", param, ctx)
        return int(needed), int(out_of)


def alarm_options(function: F) -> F:
    """``--exit-ratio``, ``--debounce``, ``--min-duration`` and ``--cool-down``; see `alarm_settings`."""
    for option in reversed(
        (
            click.option("--exit-ratio", default=0.8, show_default=True, metavar="SHARE",
                         help="An alarm ends at or below this share of the threshold."),
            click.option("--debounce", type=DebounceType(), default="1/1", show_default=True,
                         help="An alarm starts when N of the last M scores are above the threshold."),
            click.option("--min-duration", type=DurationType(), help="An alarm lasts at least this long."),
            click.option("--cool-down", type=DurationType(), help="No alarm starts so soon after the last one."),
        )
    ):  # fmt: skip
        function = option(function)
    return function


def alarm_settings(
    exit_ratio: float, debounce: tuple[int, int], min_duration: float | None, cool_down: float | None
) -> AlarmSettings:
    """Return what `alarm_options` say."""
    from edge_runtime.streaming.alarm import AlarmSettings

    return AlarmSettings(exit_ratio, *debounce, min_duration or 0.0, cool_down or 0.0)


def label_option(function: F) -> F:
    """``--label COLUMN``."""
    return click.option(
        "--label",
        metavar="COLUMN",
        help="Column that says whether a row is anomalous, used for figures only. "
        "[default: a column called anomaly, is_anomaly, label or attack]",
    )(function)


def detector_options(function: F) -> F:
    """``--runtime``, ``--threads``, ``--accelerator`` and its fallback, ``--trusted-key``; see `saelite.loading`."""
    for option in reversed(
        (
            click.option("--runtime", default="auto", show_default=True,
                         help="auto, ai-edge-litert, tflite-runtime or numpy."),
            click.option("--threads", type=click.IntRange(1), default=1, show_default=True,
                         help="Threads of the interpreter; one is fastest for small networks."),
            click.option("--accelerator", metavar="NAME",
                         help="edgetpu, edgetpu:usb, edgetpu:pci, edgetpu:0, or the library of an external delegate "
                         "with options: libx.so;key=value. [default: the CPU]"),
            click.option("--accelerator-fallback", type=click.Choice(["cpu"]),
                         help="Where to go on if the accelerator cannot be used. [default: nowhere, it is an error]"),
            click.option("--trusted-key", type=click.Path(path_type=Path), multiple=True, default=(),
                         help="Public key that must have signed the file; any other file is refused. Several while "
                         "one key replaces another."),
        )
    ):  # fmt: skip
        function = option(function)
    return function


def adaptation_options(function: F) -> F:
    """``--mean-rate``, ``--mean-ceiling``, ``--adapt`` and ``--target-far``; see `adaptation_settings`."""
    for option in reversed(
        (
            click.option("--mean-rate", type=RATE, metavar="SHARE",
                         help="Fraction by which the input mean moves towards each quiet reading; 0 keeps it where it "
                         "was in training.  [default: the model file's]"),
            click.option("--mean-ceiling", default=3.0, show_default=True, metavar="SCALES",
                         help="How far the mean may go from where it was in training."),
            click.option("--adapt", type=click.Choice(["spot", "dspot"]),
                         help="Follow the scores with the threshold, or with the threshold over their moving average. "
                         "[default: it stays]"),
            click.option("--target-far", default=0.001, show_default=True, metavar="SHARE",
                         help="False-alarm rate per window for spot and dspot; the measured one is printed."),
        )
    ):  # fmt: skip
        function = option(function)
    return function


def adaptation_settings(
    adapt: str | None, target_far: float, mean_rate: float | None, mean_ceiling: float
) -> AdaptationSettings:
    """Return what `adaptation_options` say."""
    from edge_runtime.streaming.adaptation.spot import SpotSettings
    from edge_runtime.streaming.judging import AdaptationSettings

    depth = {"spot": 0, "dspot": 100}
    return AdaptationSettings(mean_rate, mean_ceiling, SpotSettings(target_far, depth[adapt]) if adapt else None)


def on_missing_option(function: F) -> F:
    """``--on-missing error|skip|hold|interpolate``."""
    return click.option(
        "--on-missing",
        type=click.Choice(POLICIES),
        default="skip",
        show_default=True,
        help="Readings with a missing value: end with an error, leave out, repeat the sensor's last value, or draw a "
        "line to its next one.",
    )(function)


def sign_option(function: F) -> F:
    """``--sign KEY``."""
    return click.option(
        "--sign",
        "key",
        type=click.Path(path_type=Path),
        help="Private key to sign the file with (see saelite keygen).",
    )(function)
