"""Frozen dataclasses and named tuples to JSON and back, checked field by field."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")


class DecodeError(ValueError):
    """JSON does not have the form of the dataclass it is meant for."""


def to_json(value: Any) -> Any:
    """Return dataclasses and named tuples as dicts, other tuples as lists, all else as it is."""
    if _is_record(value):
        return {name: to_json(getattr(value, name)) for name in _fields(value)}
    if isinstance(value, (tuple, list)):
        return [to_json(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    return value


def from_json(kind: type[T], data: Any, where: str = "") -> T:
    """Return `data` as an instance of the dataclass or named tuple `kind`.

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
    if _is_record(kind):
        return _decode_record(kind, data, where)
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


def _is_record(kind: Any) -> bool:
    return dataclasses.is_dataclass(kind) or hasattr(kind, "_field_defaults")


def _fields(record: Any) -> dict[str, bool]:
    """Return the names of the fields, and whether each has a default."""
    if dataclasses.is_dataclass(record):
        missing = dataclasses.MISSING
        fields = dataclasses.fields(record)
        return {field.name: (field.default, field.default_factory) != (missing, missing) for field in fields}
    return {name: name in record._field_defaults for name in record._fields}


_hints = functools.cache(typing.get_type_hints)


def _decode_record(kind: Any, data: Any, where: str) -> Any:
    if not isinstance(data, dict):
        raise DecodeError(f"{where or kind.__name__}: expected an object. Received: {data!r:.80}")
    hints, values = _hints(kind), {}
    for name, has_default in _fields(kind).items():
        path = f"{where}.{name}" if where else name
        if name in data:
            values[name] = _decode(hints[name], data[name], path)
        elif not has_default:
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
