"""Frozen dataclasses to JSON and back, checked field by field."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")


class DecodeError(ValueError):
    """JSON does not have the form of the dataclass it is meant for."""


def to_json(value: Any) -> Any:
    """Return dataclasses as dicts, tuples as lists, all else as it is."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, (tuple, list)):
        return [to_json(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    return value


def from_json(kind: type[T], data: Any, where: str = "") -> T:
    """Return `data` as an instance of the dataclass `kind`.

    A field without a default must be there; an unknown field is passed over, so that an older reader
    opens a newer file of the same schema version.

    Raises
    ------
    DecodeError
        With the path of the field that does not fit.

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
    edge_runtime.json_codec.DecodeError: x: expected float. Received: 'one'
    """
    return typing.cast(T, _decode(kind, data, where))


def _decode(kind: Any, data: Any, where: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(kind, data, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return _decode_optional(arguments, data, where)
    if origin is tuple:
        if not isinstance(data, list):
            raise DecodeError(f"{where}: expected a list. Received: {data!r:.80}")
        return tuple(_decode(arguments[0], item, f"{where}[{number}]") for number, item in enumerate(data))
    if origin in (dict, Mapping):
        if not isinstance(data, dict):
            raise DecodeError(f"{where}: expected an object. Received: {data!r:.80}")
        return {key: _decode(arguments[1], item, f"{where}.{key}") for key, item in data.items()}
    if kind is typing.Any:
        return data
    return _decode_scalar(kind, data, where)


def _decode_dataclass(kind: Any, data: Any, where: str) -> Any:
    if not isinstance(data, dict):
        raise DecodeError(f"{where or kind.__name__}: expected an object. Received: {data!r:.80}")
    hints, values = typing.get_type_hints(kind), {}
    for field in dataclasses.fields(kind):
        path = f"{where}.{field.name}" if where else field.name
        if field.name in data:
            values[field.name] = _decode(hints[field.name], data[field.name], path)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise DecodeError(f"{path}: missing")
    return kind(**values)


def _decode_optional(arguments: tuple[Any, ...], data: Any, where: str) -> Any:
    if data is None and types.NoneType in arguments:
        return None
    (kind,) = (argument for argument in arguments if argument is not types.NoneType)
    return _decode(kind, data, where)


def _decode_scalar(kind: Any, data: Any, where: str) -> Any:
    # JSON writes 1.0 as 1 at times; a bool is an int to Python but never a number in a manifest.
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    if not isinstance(data, kind) or (isinstance(data, bool) and kind is not bool):
        raise DecodeError(f"{where}: expected {kind.__name__}. Received: {data!r:.80}")
    return data
