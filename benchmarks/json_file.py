"""Figures as JSON files: written in full or not at all, read back with what is wrong said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from edge_runtime.common.atomic import write_atomically
from edge_runtime.errors import SaeliteError
from edge_runtime.model_file.json_codec import DecodeError, from_json, to_json

T = TypeVar("T")


def write_json(path: Path, figures: object) -> None:
    """Write a dataclass, its numbers cut to six digits."""
    write_atomically(path, json.dumps(rounded(to_json(figures)), indent=1).encode() + b"\n")


def lines_of(record: dict[str, Any]) -> str:
    """Return JSON with one line per field, and per entry of a field that is a list: short, and easy to compare.

    >>> print(lines_of({"schema": 3, "seeds": [{"seed": 0}, {"seed": 1}], "notes": []}), end="")
    {
    "schema": 3,
    "seeds": [
    {"seed": 0},
    {"seed": 1}
    ],
    "notes": []
    }
    """
    fields = []
    for name, value in record.items():
        entries = [json.dumps(one, allow_nan=False) for one in value] if isinstance(value, list) else []
        text = "[\n" + ",\n".join(entries) + "\n]" if entries else json.dumps(value, allow_nan=False)
        fields.append(f"{json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(fields) + "\n}\n"


def read_json(path: Path, kind: type[T], command: str) -> T:
    """Read what `write_json` wrote.

    Parameters
    ----------
    path : Path
    kind : type
        The dataclass.
    command : str
        What writes such a file, for the error's text.

    Raises
    ------
    SaeliteError
        If the file is missing, or is something else.
    """
    try:
        return from_json(kind, json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SaeliteError(f"cannot read {path}: {error.strerror}. Expected a file written by `{command}`.") from error
    except (UnicodeDecodeError, json.JSONDecodeError, DecodeError) as error:
        raise SaeliteError(f"{path} is damaged or of another kind ({error}). Expected a file written by `{command}`. "
                           "Write it again.") from error  # fmt: skip


def rounded(data: Any, digits: int = 6) -> Any:
    """Return JSON data with its numbers rounded to `digits` significant digits.

    >>> rounded({"us": [1.23456789, 7]})
    {'us': [1.23457, 7]}
    """
    if isinstance(data, float):
        return float(f"{data:.{digits}g}")
    if isinstance(data, list):
        return [rounded(item, digits) for item in data]
    if isinstance(data, dict):
        return {key: rounded(value, digits) for key, value in data.items()}
    return data
