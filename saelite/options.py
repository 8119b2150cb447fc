"""Options that several commands share, each listed once.

``with_…`` decorators pass what their options say as one object: ``alarm``, ``adaptation`` and ``opening``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edge_runtime.common.setting import Setting, settings_of
from saelite.loading import Opening
from saelite.option_types import DebounceType, DurationType, RowsType
from saelite.setting_options import gathered, option_of, settings_options
from training.settings import Selection

if TYPE_CHECKING:  # loaded when a command runs
    from edge_runtime.streaming.alarm import AlarmSettings
    from edge_runtime.streaming.judging import AdaptationSettings

F = TypeVar("F", bound=Callable[..., Any])
_ALARM = (
    click.option("--exit-ratio", default=0.8, show_default=True, metavar="SHARE",
                 help="An alarm ends at or below this share of the threshold."),
    click.option("--debounce", type=DebounceType(), default="1/1", show_default=True,
                 help="An alarm starts when N of the last M scores are above the threshold."),
    click.option("--min-duration", type=DurationType(), help="Minimum duration of an alarm."),
    click.option("--cool-down", type=DurationType(), help="Time after an alarm in which no other starts."),
)  # fmt: skip
_ADAPTATION = (
    click.option("--mean-rate", type=click.FloatRange(0, 1, max_open=True), metavar="SHARE",
                 help="Fraction by which the input mean moves towards each quiet reading; 0 turns it off.  "
                 "[default: the model file's]"),
    click.option("--scale-rate", type=click.FloatRange(0, 1, max_open=True), metavar="SHARE",
                 help="Fraction by which each sensor's variance moves towards the square of each reading, never below "
                 "training's; 0 turns it off.  [default: the model file's]"),
    click.option("--mean-ceiling", default=3.0, show_default=True, metavar="SCALES",
                 help="Maximum distance of the mean from the training mean."),
    click.option("--adapt", type=click.Choice(["spot", "dspot"]),
                 help="Adapt the threshold to the scores (spot), or to scores relative to their moving average "
                 "(dspot). [default: fixed threshold]"),
    click.option("--target-far", default=0.001, show_default=True, metavar="SHARE",
                 help="False-alarm rate per window for spot and dspot; the measured rate is printed."),
)  # fmt: skip


def alarm_settings(
    exit_ratio: float, debounce: tuple[int, int], min_duration: float | None, cool_down: float | None
) -> AlarmSettings:
    """Return what the alarm options say."""
    from edge_runtime.streaming.alarm import AlarmSettings

    return AlarmSettings(exit_ratio, *debounce, min_duration or 0.0, cool_down or 0.0)


def adaptation_settings(
    adapt: str | None,
    target_far: float,
    mean_rate: float | None,
    scale_rate: float | None,
    mean_ceiling: float,
) -> AdaptationSettings:
    """Return what the adaptation options say."""
    from edge_runtime.streaming.adaptation.spot import SpotSettings
    from edge_runtime.streaming.judging import AdaptationSettings

    depth = {"spot": 0, "dspot": 100}
    spot = SpotSettings(target_far, depth[adapt]) if adapt else None
    return AdaptationSettings(mean_rate, scale_rate, mean_ceiling, spot)


with_alarm = gathered("alarm", alarm_settings, _ALARM)
with_adaptation = gathered("adaptation", adaptation_settings, _ADAPTATION)
with_opening = settings_options(Opening, "opening")


def _selected(name: str) -> Setting:
    return next(one for one in settings_of(Selection) if one.name == name)


label_option, on_missing_option = option_of(_selected("label")), option_of(_selected("on_missing"))


def rows_option(help_text: str) -> Callable[[F], F]:
    """``--rows START:STOP``."""
    forms = _selected("rows").text.partition("START:STOP")[2]
    return click.option(
        "--rows", type=RowsType(), default=":", show_default=True, help=f"{help_text} START:STOP{forms}"
    )


def only_when_option(help_text: str) -> Callable[[F], F]:
    """``--only-when CONDITION``."""
    return option_of(_selected("only_when"), help_text)


def sign_option(function: F) -> F:
    """``--sign KEY``."""
    return click.option(
        "--sign",
        "key",
        type=click.Path(path_type=Path),
        help="Private key to sign the file with (see saelite keygen).",
    )(function)
