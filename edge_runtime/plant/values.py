"""From a value in a TOML file to the value of a setting, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_runtime.common.forms import FORMS
from edge_runtime.common.setting import Setting
from edge_runtime.errors import UsageError

BESIDE_THE_FILE = ("argument", "paths")


def value_of_toml(one: Setting, value: Any, fill: Callable[[str], str], folder: Path) -> Any:
    """Return what a file says of a setting.

    Parameters
    ----------
    one : Setting
    value : object
        As the TOML parser gives it.
    fill : callable
        Fills the places in texts, see `edge_runtime.plant.texts`.
    folder : Path
        Of the file: what is only read, such as models and keys, is named from there.

    Raises
    ------
    UsageError
        If the value is not one of the setting.
    """
    try:
        return one.conformed(_typed(one, value, fill, folder))
    except (UsageError, _WrongTypeError):
        raise UsageError(f"{one.word}: expected {expected_in_toml(one)}. Received: {toml_text(value)}") from None


class _WrongTypeError(Exception):
    """A value has not the type of the setting."""


def _typed(one: Setting, value: Any, fill: Callable[[str], str], folder: Path) -> Any:
    if value is None:
        raise _WrongTypeError
    if one.form in FORMS:
        return _of_form(one, value, fill)
    if one.kind is not tuple:
        return _item(one, value, fill, folder)
    items = [value] if isinstance(value, str) else value
    return tuple(_item(one, item, fill, folder) for item in items) if isinstance(items, list) else items


def _of_form(one: Setting, value: Any, fill: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        value = FORMS[one.form].parse(fill(value))
        if value is None:
            raise _WrongTypeError
    return value


def _item(one: Setting, value: Any, fill: Callable[[str], str], folder: Path) -> Any:
    if isinstance(value, str):
        value = fill(value)
        if one.item is Path:
            if not value:
                raise _WrongTypeError
            return folder / value if one.form in BESIDE_THE_FILE else Path(value)
    return value


def expected_in_toml(one: Setting) -> str:
    """Return what a value must be in a file, in words."""
    if one.form == "duration":
        return f"{FORMS[one.form].expected}, or seconds{f' {one.within}' if one.within else ''}"
    if one.form in FORMS:
        return FORMS[one.form].expected
    if one.choices:
        return f"one of {', '.join(map(toml_text, one.choices))}"
    if one.kind is bool:
        return "true or false"
    if one.item not in (str, Path):
        return one.expected
    words = "text in quotes" if one.item is str else "path in quotes"
    return f"a {words}, or a list of them" if one.kind is tuple else f"a {words}"


def toml_text(value: Any) -> str:
    r"""Return a value as TOML writes it.

    >>> print(toml_text(("a", 1)), toml_text(True), toml_text('say "b"'))
    ["a", 1] true "say \"b\""
    """
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(toml_text, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key} = {toml_text(item)}' for key, item in value.items())}}}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, Path)):
        return json.dumps(str(value), ensure_ascii=False)
    return str(value) if isinstance(value, int) or not isinstance(value, float) or math.isfinite(value) else "nan"


def setting_in_toml(one: Setting, value: Any) -> str:
    """Return ``key = value`` for the value of a setting."""
    form = FORMS.get(one.form)
    return f"{one.word} = {toml_text(form.text(value) if form else value)}"
