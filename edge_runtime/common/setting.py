"""Settings that say all about themselves: frozen dataclasses whose fields carry range, choices and help.

The command line, the keys of a plant's file, the docstrings and the checks of a call from Python are made from these
fields, so an option is added in one place. A field that holds other settings is `nested`.

>>> @documented
... @dataclass(frozen=True)
... class Brew:
...     '''How to brew.'''
...     cups: int = setting(2, "Cups of coffee.", within=Range(1))
...     def __post_init__(self) -> None:
...         conform(self)
>>> Brew(cups=0)
Traceback (most recent call last):
edge_runtime.errors.UsageError: cups: expected a whole number of at least 1. Received: 0
>>> [one.name for one in settings_of(Brew)]
['cups']
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from edge_runtime.errors import UsageError

T = TypeVar("T")
REQUIRED = MISSING
"""Default of a setting that must be given."""
_META, _PART = "saelite", "saelite part"
_NUMBERS: dict[type, tuple[type, str]] = {int: (numbers.Integral, "whole number"), float: (numbers.Real, "number")}
_NAMES: dict[type, str] = {str: "text", Path: "path"}
_WORDS: dict[type, str] = {bool: "True or False", str: "a text"}


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, without the ends that are open.

    >>> 0.0 in Range(0, 1), 0.0 in Range(0, 1, low_open=True), str(Range(0, 1, low_open=True, high_open=True))
    (True, False, 'above 0 and below 1')
    """

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.low_open else value >= self.low
        return above and (value < self.high if self.high_open else value <= self.high)

    def __str__(self) -> str:
        ends = []
        if self.low > -math.inf:
            ends.append(f"{'above' if self.low_open else 'of at least'} {self.low:g}")
        if self.high < math.inf:
            ends.append(f"{'below' if self.high_open else 'of at most'} {self.high:g}")
        return " and ".join(ends)


@dataclass(frozen=True)
class Setting:
    """One field.

    Parameters
    ----------
    name : str
    kind : type
        ``bool``, ``int``, ``float``, ``str`` or ``tuple``.
    item : type
        Of a tuple's items; otherwise `kind`.
    length : int or None
        Of a tuple with a fixed number of items.
    is_optional : bool
        Whether None leaves the choice to saelite.
    default : object
    text : str
        Help: a noun phrase or an imperative.
    within : Range or None
    choices : tuple of str
        Empty where any text will do.
    group : str
        What it belongs to.
    search : Range or tuple or None
        Where `saelite tune` looks: a range, on a logarithmic scale, or some values; None if it does not.
    form : str
        Name of a special form in text, see `edge_runtime.common.forms`; or of a special option on the command line:
        ``argument`` has no name there, ``repeated`` and ``paths`` may be given several times.
    metavar : str
        What the help calls the value; empty for its type.
    example : object
        A value for examples, where the default is None.
    """

    name: str
    kind: type
    item: type
    length: int | None
    is_optional: bool
    default: Any
    text: str
    within: Range | None = None
    choices: tuple[str, ...] = ()
    group: str = ""
    search: Range | tuple[Any, ...] | None = None
    form: str = ""
    metavar: str = ""
    example: Any = None

    @property
    def word(self) -> str:
        """Name of the option on the command line and of the key in a file: `min_duration_s` is ``min-duration``."""
        name = self.name.removesuffix("_s") if self.form == "duration" else self.name
        return name.replace("_", "-")

    @property
    def is_required(self) -> bool:
        """Whether it has no default."""
        return self.default is REQUIRED

    def conformed(self, value: Any) -> Any:
        """Return a value as its own type.

        Raises
        ------
        UsageError
            If it is not of that type, or outside range or choices.
        """
        if value is None and self.is_optional:
            return None
        if self.kind is not tuple:
            return self._item(value)
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise self._refusal(value)
        items = tuple(self._item(one) for one in value)
        if self.length is not None and len(items) != self.length:
            raise self._refusal(value)
        return items

    def _item(self, value: Any) -> Any:
        number = _NUMBERS.get(self.item)
        right = isinstance(value, number[0] if number else self.item)
        if not right or (number and isinstance(value, bool)):
            raise self._refusal(value)
        if (self.within is not None and value not in self.within) or (self.choices and value not in self.choices):
            raise self._refusal(value)
        # A numpy number would not survive JSON.
        return self.item(value) if number else value

    def _refusal(self, value: Any) -> UsageError:
        return UsageError(f"{self.name}: expected {self.expected}. Received: {value!r}")

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if self.form == "duration":
            return f"seconds{f' {self.within}' if self.within else ''}"
        number, within = _NUMBERS.get(self.item), f" {self.within}" if self.within else ""
        if self.kind is tuple:
            count = "a list of" if self.length is None else f"{self.length}"
            return f"{count} {number[1] if number else _NAMES[self.item]}s{within}"
        return f"a {number[1]}{within}" if number else _WORDS.get(self.item, self.item.__name__)


def setting(  # noqa: PLR0913 - all that is known of an option
    default: Any,
    text: str,
    *,
    within: Range | None = None,
    choices: Iterable[str] = (),
    group: str = "",
    search: Range | tuple[Any, ...] | None = None,
    form: str = "",
    metavar: str = "",
    example: Any = None,
) -> Any:
    """Return a dataclass field; see `Setting`."""
    known = {"within": within, "choices": tuple(choices), "group": group, "search": search}
    shown = {"text": text, "form": form, "metavar": metavar, "example": example}
    return field(default=default, metadata={_META: {**shown, **known}})


def nested(cls: Callable[[], T]) -> T:
    """Return a dataclass field that holds settings of another dataclass, by default its defaults."""
    return field(default_factory=cls, metadata={_PART: cls})


def settings_of(cls: Callable[..., object]) -> tuple[Setting, ...]:
    """Return what a dataclass's own fields made by `setting` say, in order."""
    return _settings_of(cls)


def all_settings(cls: Callable[..., object], without: Iterable[str] = ()) -> tuple[Setting, ...]:
    """Return a dataclass's settings and those of its parts, in the order of the fields.

    Parameters
    ----------
    cls : type
    without : iterable of str
        Names of settings and parts to leave out.
    """
    own, left_out = {one.name: one for one in settings_of(cls)}, set(without)
    found: list[Setting] = []
    for one in _fields_of(cls):
        if one.name in left_out:
            continue
        if _PART in one.metadata:
            found += all_settings(one.metadata[_PART], left_out)
        elif one.name in own:
            found.append(own[one.name])
    return tuple(found)


def made(cls: Callable[..., T], values: Mapping[str, Any]) -> T:
    """Return a dataclass made of values by the names of its settings and of those of its parts."""
    given = {one.name: values[one.name] for one in settings_of(cls) if one.name in values}
    parts = {one.name: made(one.metadata[_PART], values) for one in _fields_of(cls) if _PART in one.metadata}
    return cls(**given, **parts)


def value_of(settings: Any, name: str) -> Any:
    """Return the value of a setting, or of a setting of a part."""
    if any(one.name == name for one in settings_of(type(settings))):
        return getattr(settings, name)
    parts = (getattr(settings, one.name) for one in _fields_of(type(settings)) if _PART in one.metadata)
    return next(value_of(one, name) for one in parts if any(name == its.name for its in all_settings(type(one))))


def _fields_of(cls: Any) -> tuple[Field[Any], ...]:
    return fields(cls)


@cache
def _settings_of(cls: Any) -> tuple[Setting, ...]:
    hints = get_type_hints(cls)
    found = []
    for one in fields(cls):
        if _META in one.metadata:
            hint, is_optional = _without_none(hints[one.name])
            kind = get_origin(hint) or hint
            items = get_args(hint) if kind is tuple else (kind,)
            length = len(items) if kind is tuple and Ellipsis not in items else None
            found.append(Setting(one.name, kind, items[0], length, is_optional, one.default, **one.metadata[_META]))
    return tuple(found)


def conform(instance: Any) -> None:
    """Bring every field of a frozen dataclass to its own type; for ``__post_init__``.

    Raises
    ------
    UsageError
        If a value is not of that type, or outside range or choices.
    """
    for one in settings_of(type(instance)):
        object.__setattr__(instance, one.name, one.conformed(getattr(instance, one.name)))


def documented(cls: type[T]) -> type[T]:
    """Add the fields' help to a dataclass's docstring, as numpydoc writes parameters."""
    parts = [f"{one.name} : {one.metadata[_PART].__name__}" for one in _fields_of(cls) if _PART in one.metadata]
    lines = ("Parameters", "----------", *parameter_lines(settings_of(cls)), *parts)
    cls.__doc__ = f"{(cls.__doc__ or '').rstrip()}\n\n" + "".join(f"    {line}\n" for line in lines)
    return cls


def parameter_lines(settings: Iterable[Setting]) -> list[str]:
    """Return the lines of a numpydoc section on some settings."""
    lines = []
    for one in settings:
        kind = f"tuple of {one.item.__name__}" if one.kind is tuple else one.kind.__name__
        default = "" if one.is_required else f", default {one.default!r}"
        lines += [f"{one.name} : {kind}{default}", f"    {one.text}"]
    return lines


def _without_none(hint: Any) -> tuple[Any, bool]:
    kept = [one for one in get_args(hint) if one is not NoneType]
    is_optional = len(kept) == 1 and len(get_args(hint)) == 2
    return (kept[0], True) if is_optional else (hint, False)
