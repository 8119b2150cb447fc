"""Options of the command line made from the fields of settings dataclasses, and the settings made from the options."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from edge_runtime.common.forms import FORMS
from edge_runtime.common.setting import Range, Setting, all_settings, made, value_of
from saelite.option_types import FormType, NamesType, RowsTextType, UnitsType

F = TypeVar("F", bound=Callable[..., Any])
Decorator = Callable[[F], F]
_MULTIPLE = ("paths", "repeated")
_FORMS: dict[str, Callable[[], Any]] = {
    "rows": RowsTextType,
    "paths": partial(click.Path, path_type=Path),
    "file": partial(click.Path, path_type=Path, dir_okay=False),
    "repeated": lambda: str,
}
_ITEMS: dict[type, Callable[[], Any]] = {str: NamesType, int: UnitsType}


def settings_options(cls: Callable[..., Any], argument: str, *, without: Iterable[str] = ()) -> Decorator[Any]:
    """Return a decorator that gives a command an option per field and passes `argument`, an object of the dataclass.

    Parameters
    ----------
    cls : type
        A dataclass whose fields are made by `edge_runtime.common.setting.setting`.
    argument : str
        Name of the parameter that the command gets the object as.
    without : iterable of str
        Fields, or parts, that get no option and keep their defaults.
    """
    chosen = all_settings(cls, without)
    names = [one.name for one in chosen]
    return gathered(argument, lambda **values: made(cls, values), [option_of(one) for one in chosen], names)


def gathered(
    argument: str, build: Callable[..., Any], options: Sequence[Decorator[Any]], names: Iterable[str] | None = None
) -> Decorator[Any]:
    """Return a decorator that adds options to a command and passes what `build` makes of them as one `argument`.

    Parameters
    ----------
    argument : str
    build : callable
        Takes the options' values by name.
    options : sequence of decorators
    names : iterable of str, optional
        Of the options; by default the parameters of `build`.
    """
    taken = tuple(inspect.signature(build).parameters) if names is None else tuple(names)

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def call(*args: Any, **values: Any) -> Any:
            built = build(**{name: values.pop(name) for name in taken})
            return function(*args, **values, **{argument: built})

        return all_of(options)(call)  # type: ignore[no-any-return] # click's decorators return what they get

    return decorate


def all_of(options: Sequence[Decorator[Any]]) -> Decorator[Any]:
    """Return a decorator that adds options in the order given."""
    return lambda function: functools.reduce(lambda decorated, option: option(decorated), reversed(options), function)


def option_of(one: Setting, text: str = "") -> Decorator[Any]:
    """Return a field as an option, its help replaced by `text` if there is any."""
    if one.form == "argument":
        return click.argument(one.name, type=click.Path(path_type=Path))
    name = f"--{one.word}"
    if one.kind is bool:
        name = f"{name}/--no-{name[2:]}" if one.default else name
        return click.option(
            name, one.name, default=one.default, is_flag=True, show_default=one.default, help=text or one.text
        )
    shown = one.default not in (None, ()) and not (one.form == "duration" and not one.default)
    default = None if one.is_required else _default_text(one)
    return click.option(
        name, one.name, type=_type(one), default=default, show_default=shown and not one.is_required,
        help=text or one.text, multiple=one.form in _MULTIPLE, metavar=one.metavar or None, required=one.is_required,
    )  # fmt: skip


def _default_text(one: Setting) -> Any:
    if one.form in FORMS and one.default is not None:
        return FORMS[one.form].text(one.default)
    is_list = one.kind is tuple and one.default and one.form not in _MULTIPLE
    return ",".join(map(str, one.default)) if is_list else one.default


def _type(one: Setting) -> Any:
    if one.form in FORMS:
        return FormType(FORMS[one.form], one.within)
    if one.form:
        return _FORMS[one.form]()
    if one.kind is tuple:
        return _ITEMS[one.item]()
    if one.choices:
        return click.Choice(one.choices)
    if one.within is None:
        return one.kind
    return _int_range(one.within) if one.kind is int else _float_range(one.within)


def _int_range(within: Range) -> click.IntRange:
    low, high = (None if math.isinf(end) else int(end) for end in (within.low, within.high))
    return click.IntRange(low, high)


def _float_range(within: Range) -> click.FloatRange:
    low, high = (None if math.isinf(end) else end for end in (within.low, within.high))
    return click.FloatRange(low, high, min_open=within.low_open, max_open=within.high_open)


def words_of(settings: Any) -> list[str]:
    """Return the words of a command line that say what differs from the defaults, exactly.

    >>> from training.settings import DetectorSettings
    >>> words_of(DetectorSettings(rho=0.1, hidden=(), decay=False))
    ['--hidden', '', '--rho', '0.1', '--no-decay']
    """
    words: list[str] = []
    for one in all_settings(type(settings)):
        value = value_of(settings, one.name)
        if value != one.default:
            words += _words(one, value)
    return words


def _words(one: Setting, value: Any) -> list[str]:
    name = f"--{one.word}"
    if one.form == "argument":
        return [str(value)]
    if one.kind is bool:
        return [name if value else f"--no-{one.word}"]
    if one.form in _MULTIPLE:
        return [word for each in value for word in (name, str(each))]
    if one.form in FORMS:
        return [name, FORMS[one.form].text(value)]
    return [name, ",".join(map(str, value)) if one.kind is tuple else str(value)]
