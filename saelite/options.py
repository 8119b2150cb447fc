"""Option types and options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edge_runtime.missing import POLICIES

if TYPE_CHECKING:  # numpy comes with it, and --help needs none
    from edge_runtime.judging import AdaptationSettings

F = TypeVar("F", bound=Callable[..., Any])
_DURATION = re.compile(r"^(\d+(?:\.\d+)?)(s|m|h|d)?$")
RATE = click.FloatRange(0, 1, max_open=True)
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class RowsType(click.ParamType):  # type: ignore[type-arg] # generic only from click 8.5 on
    """``START:STOP`` as a slice of rows, counted from 0; either side may be empty."""

    name = "START:STOP"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> slice:
        """Return the slice."""
        if isinstance(value, slice):
            return value
        match = re.fullmatch(r"(\d*):(\d*)", value)
        if match is None:
            self.fail(f"expected START:STOP, for example 0:400. Received: {value!r}", param, ctx)
        start, stop = (int(text) if text else None for text in match.groups())
        if stop is not None and (start or 0) >= stop:
            self.fail(f"expected START below STOP. Received: {value!r}", param, ctx)
        return slice(start, stop)


class DurationType(click.ParamType):  # type: ignore[type-arg] # generic only from click 8.5 on
    """A time span such as ``90``, ``90s``, ``25m``, ``2h``, in seconds."""

    name = "DURATION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        if isinstance(value, (int, float)):
            return float(value)
        match = _DURATION.match(value)
        if match is None or not float(match[1]):
            self.fail(f"expected a time span above zero, such as 90s, 25m or 2h. Received: {value!r}", param, ctx)
        return float(match[1]) * _SECONDS[match[2] or ""]


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
    return click.option("--rows", type=RowsType(), default=":", show_default=True, help=help_text)


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
                         help="Of the way to each quiet reading that the inputs' mean goes; 0 keeps it where it was in "
                         "training.  [default: what the model file says]"),
            click.option("--mean-ceiling", default=3.0, show_default=True, metavar="SCALES",
                         help="How far the mean may go from where it was in training."),
            click.option("--adapt", type=click.Choice(["spot", "dspot"]),
                         help="Follow the scores with the threshold, or with the threshold over their moving average. "
                         "[default: it stays]"),
            click.option("--target-far", default=0.001, show_default=True, metavar="SHARE",
                         help="False-alarm rate that spot and dspot hold, per window; what comes of it is printed."),
        )
    ):  # fmt: skip
        function = option(function)
    return function


def adaptation_settings(
    adapt: str | None, target_far: float, mean_rate: float | None, mean_ceiling: float
) -> AdaptationSettings:
    """Return what `adaptation_options` say."""
    from edge_runtime.adaptation.spot import SpotSettings
    from edge_runtime.judging import AdaptationSettings

    depth = {"spot": 0, "dspot": 100}
    return AdaptationSettings(mean_rate, mean_ceiling, SpotSettings(target_far, depth[adapt]) if adapt else None)


def on_missing_option(function: F) -> F:
    """``--on-missing error|skip|hold``."""
    return click.option(
        "--on-missing",
        type=click.Choice(POLICIES),
        default="error",
        show_default=True,
        help="Rows with an empty, NaN or infinite value: refuse, leave out, or repeat the sensor's last value.",
    )(function)


def sign_option(function: F) -> F:
    """``--sign KEY``."""
    return click.option(
        "--sign",
        "key",
        type=click.Path(path_type=Path),
        help="Private key to sign the file with (see saelite keygen).",
    )(function)
