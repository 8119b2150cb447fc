"""Frozen dataclasses and named tuples to JSON and back, checked field by field."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")
_Decoder = Callable[[Any], Any]


class DecodeError(ValueError):
    """JSON does not have the form of the dataclass it is meant for.

    Parameters
    ----------
    problem : str
    path : str
        Path of the invalid field, such as ``spec.sensors[3].name``.
    """

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(f"{path}: {problem}" if path else problem)
        self.problem, self.path = problem, path

    def inside(self, place: str) -> DecodeError:
        """Return the error with its path extended by one level."""
        dot = "." if self.path and not self.path.startswith("[") else ""
        return DecodeError(self.problem, f"{place}{dot}{self.path}")


def to_json(value: Any) -> Any:
    """Return dataclasses and named tuples as dicts, other tuples as lists, everything else unchanged."""
    if _is_record(value):
        return {name: to_json(getattr(value, name)) for name in _fields(value)}
    if isinstance(value, (tuple, list)):
        return [to_json(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    return value


def from_json(kind: type[T], data: Any, where: str = "") -> T:
    """Return `data` as an instance of the dataclass or named tuple `kind`.

    A field without a default is required; unknown fields are ignored, so that an older reader opens a newer file of
    the same schema version.

    Raises
    ------
    DecodeError
        With the path of the invalid field.

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True)
    ... class Point:
    ...     x: float
    ...     y: float = 0.0
    >>> from_json(Point, {"x": 1})
    Point(x=1.0, y=0.0)
    >>> from_json(Point, {"x": "one"})
    Traceback (most recent call last):
    edge_runtime.model_file.json_codec.DecodeError: x: expected float. Received: 'one'
    """
    try:
        return typing.cast(T, _decoder(typing.cast(Any, kind))(data))
    except DecodeError as error:
        place = where or ("" if error.path else kind.__name__)
        raise (error.inside(place) if place else error) from None


def _is_record(kind: Any) -> bool:
    return dataclasses.is_dataclass(kind) or hasattr(kind, "_field_defaults")


def _fields(record: Any) -> dict[str, bool]:
    """Return the names of the fields, and whether each has a default."""
    if dataclasses.is_dataclass(record):
        missing = dataclasses.MISSING
        fields = dataclasses.fields(record)
        return {field.name: (field.default, field.default_factory) != (missing, missing) for field in fields}
    return {name: name in record._field_defaults for name in record._fields}


@functools.cache
def _decoder(kind: Any) -> _Decoder:
    """Return the function that decodes this type; cached, because a file may hold thousands of its values."""
    if _is_record(kind):
        return _record_decoder(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return _optional_decoder(arguments)
    if origin is tuple:
        return _tuple_decoder(_decoder(arguments[0]))
    if origin in (dict, Mapping):
        return _mapping_decoder(_decoder(arguments[1]))
    if kind is typing.Any:
        return lambda data: data
    return _float if kind is float else _scalar_decoder(kind)


def _record_decoder(kind: Any) -> _Decoder:
    hints = typing.get_type_hints(kind)
    fields = [(name, hints[name], has_default) for name, has_default in _fields(kind).items()]

    def decode(data: Any) -> Any:
        _expect(dict, "an object", data)
        values = {}
        for name, field_kind, has_default in fields:
            if name in data:
                try:
                    values[name] = _decoder(field_kind)(data[name])  # not before: a record may hold its own kind
                except DecodeError as error:
                    raise error.inside(name) from None
            elif not has_default:
                raise DecodeError("missing", name)
        return kind(**values)

    return decode


def _tuple_decoder(decode_item: _Decoder) -> _Decoder:
    def decode(data: Any) -> Any:
        _expect(list, "a list", data)
        items: list[Any] = []
        try:
            for item in data:
                items.append(decode_item(item))  # noqa: PERF401 - how many there are says which one does not fit
        except DecodeError as error:
            raise error.inside(f"[{len(items)}]") from None
        return tuple(items)

    return decode


def _mapping_decoder(decode_value: _Decoder) -> _Decoder:
    def decode(data: Any) -> Any:
        _expect(dict, "an object", data)
        values = {}
        for key, value in data.items():
            try:
                values[key] = decode_value(value)
            except DecodeError as error:
                raise error.inside(key) from None
        return values

    return decode


def _optional_decoder(arguments: tuple[Any, ...]) -> _Decoder:
    (kind,) = (argument for argument in arguments if argument is not types.NoneType)
    decode_value = _decoder(kind)
    return lambda data: None if data is None else decode_value(data)


def _float(data: Any) -> float:
    if isinstance(data, float):
        return data
    # JSON may write 1.0 as 1; a bool is an int in Python but never a number in a manifest.
    if isinstance(data, int) and not isinstance(data, bool):
        with contextlib.suppress(OverflowError):
            return float(data)
    raise _unexpected("float", data)


def _scalar_decoder(kind: type) -> _Decoder:
    def decode(data: Any) -> Any:
        if not isinstance(data, kind) or (isinstance(data, bool) and kind is not bool):
            raise _unexpected(kind.__name__, data)
        return data

    return decode


def _expect(kind: type, name: str, data: Any) -> None:
    if not isinstance(data, kind):
        raise _unexpected(name, data)


def _unexpected(expected: str, data: Any) -> DecodeError:
    return DecodeError(f"expected {expected}. Received: {data!r:.80}")
