"""Times as texts say them, in seconds."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timezone

import numpy as np
import numpy.typing as npt

NUMBER, LOCAL, ZONED = KINDS = ("number", "date and time", "date and time with its zone")
_ZONE = re.compile(r"(Z|:\d\d(\.\d+)? ?[+-]\d\d:?\d\d)$")
_FORMATS = ("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M:%S %z")


def seconds(texts: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return times as seconds, NaN if a text is not a time.

    Numbers are taken as they are; ISO 8601 and ``31.12.2025 23:59:59`` count from 1970 in UTC.

    Examples
    --------
    >>> seconds(["1970-01-01 00:00:01.5", "1970-01-01T00:00:02"])
    array([1.5, 2. ])
    >>> seconds(["0.25", "soon"])
    array([0.25,  nan])
    """
    for read in (_numbers, _iso):
        try:
            return read(texts)
        except ValueError:
            continue
    return np.array([_one(text.strip()) for text in texts], np.float64)


def kind_of(text: str) -> str:
    """Return which of `KINDS` a written time is.

    >>> kind_of("0.25"), kind_of("2026-01-01 12:00"), kind_of("2026-01-01T12:00:00+01:00")
    ('number', 'date and time', 'date and time with its zone')
    """
    text = text.strip()
    try:
        float(text)
    except ValueError:
        return ZONED if _ZONE.search(text) else LOCAL
    return NUMBER


def _numbers(texts: Sequence[str]) -> npt.NDArray[np.float64]:
    return np.array(texts, np.str_).astype(np.float64)


def _iso(texts: Sequence[str]) -> npt.NDArray[np.float64]:
    if any(text.endswith("Z") or "+" in text for text in texts[:1]):
        # numpy drops time zones with a warning; datetime reads them.
        raise ValueError("time zone")
    times = np.array(texts, "datetime64[us]")
    return np.where(np.isnat(times), np.nan, times.astype(np.int64) / 1e6)


def _one(text: str) -> float:
    for read in _READERS:
        try:
            return read(text)
        except ValueError:
            continue
    return float("nan")


def _timestamp(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()


def _reader(form: str) -> Callable[[str], float]:
    return lambda text: _timestamp(datetime.strptime(text, form))  # noqa: DTZ007 - _timestamp adds UTC


_READERS: tuple[Callable[[str], float], ...] = (
    float,
    lambda text: _timestamp(datetime.fromisoformat(text.replace("Z", "+00:00"))),
    *map(_reader, _FORMATS),
)
