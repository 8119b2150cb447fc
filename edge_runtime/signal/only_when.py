"""``--only-when``: a condition on sensors that selects the readings that count, such as ``current > 2 and valve == 1``.

A machine that is off is not normal work and not an anomaly: its readings are not learnt, scored or in alarm.
A condition is one or more comparisons of a sensor with a number, joined by ``and``::

    condition  =  comparison { "and" comparison }
    comparison =  sensor ( "<" | "<=" | ">" | ">=" | "==" | "!=" ) number

Names that contain ``and``, an operator or a quote are put in double quotes; a quote inside them is doubled.
Values are compared in float32, as the model and the C header see them.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from edge_runtime.arrays import BoolArray, FloatArray
from edge_runtime.errors import ModelFileError, UsageError

if TYPE_CHECKING:
    from edge_runtime.model_file.manifest import DetectorSpec

_LARGEST = float(np.finfo(np.float32).max)
OPERATORS: dict[str, Callable[..., Any]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}
# Compiled when first needed: most model files have no condition, and the first score should come soon.
_QUOTED = r'"(?:[^"]|"")*"'
_COMPARISON = rf'\s*(?P<sensor>{_QUOTED}|[^"<>=!]+?)\s*(?P<operator><=|>=|==|!=|<|>)\s*(?P<number>\S+)\s*'
_AND = rf"({_QUOTED})|\s+and\s+"
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"


class Comparison(NamedTuple):
    """A comparison of a sensor with a number, such as ``current > 2``."""

    sensor: str
    operator: str
    number: float


class Condition:
    """Determines which readings count.

    Parameters
    ----------
    text : str
        See the module's grammar.
    sensors : sequence of str
        The model's, in the order of a reading.

    Raises
    ------
    UsageError
        If the text is not a condition, or names something that is not a sensor of the model.

    Examples
    --------
    >>> condition = Condition("current > 2 and valve == 1", ["valve", "current"])
    >>> condition.is_on(np.array([[1.0, 3.0], [0.0, 3.0], [1.0, 2.0]])).tolist()
    [True, False, False]
    """

    def __init__(self, text: str, sensors: Sequence[str]) -> None:
        self.text = text
        self.comparisons = parse_condition(text)
        unknown = list(dict.fromkeys(one.sensor for one in self.comparisons if one.sensor not in sensors))
        if unknown:
            raise UsageError(
                f"--only-when: expected sensors of the model, whose readings decide on the device too. "
                f"Received: {', '.join(map(repr, unknown))}. Sensors there: {', '.join(sensors)}."
            )
        self._tests = [
            (list(sensors).index(one.sensor), OPERATORS[one.operator], np.float32(one.number))
            for one in self.comparisons
        ]

    def is_on(self, values: FloatArray) -> BoolArray:
        """Return which readings count, shape (n,), of readings of shape (n, sensors).

        A missing value does not decide; the rules for missing values handle its reading.
        """
        with np.errstate(over="ignore"):
            # Values beyond float32 become infinite, and so count as missing.
            columns = [values[:, column].astype(np.float32) for column, _, _ in self._tests]
        on = np.ones(len(values), bool)
        for column, (_, holds, number) in zip(columns, self._tests, strict=True):
            on &= holds(column, number) | ~np.isfinite(column)
        return on


def condition_of(text: str, sensors: Sequence[str]) -> Condition | None:
    """Return the condition, or None if the text is empty and every reading counts."""
    return Condition(text, sensors) if text.strip() else None


def model_condition(spec: DetectorSpec) -> Condition | None:
    """Return the condition of a model file, or None if every reading counts.

    Raises
    ------
    ModelFileError
        If it is damaged.
    """
    try:
        return condition_of(spec.only_when, spec.sensor_names)
    except UsageError as error:
        raise ModelFileError(f"the manifest's condition cannot be used: {error} Export the file again.") from error


def parse_condition(text: str) -> tuple[Comparison, ...]:
    """Return the comparisons of a condition; none if the text is empty.

    Raises
    ------
    UsageError
        If the text is not a condition.

    Examples
    --------
    >>> parse_condition('current > 2 and "a and b" != 1e3')
    (Comparison(sensor='current', operator='>', number=2.0), Comparison(sensor='a and b', operator='!=', number=1000.0))
    """
    return tuple(_comparison(part, text) for part in _parts(text)) if text.strip() else ()


def condition_text(comparisons: Sequence[Comparison]) -> str:
    """Return comparisons as `parse_condition` reads them.

    >>> condition_text([Comparison("a and b", "<", 0.5), Comparison("flow", ">=", 2.0)])
    '"a and b" < 0.5 and flow >= 2'
    """
    return " and ".join(f"{_name(one.sensor)} {one.operator} {_digits(one.number)}" for one in comparisons)


def runs(on: BoolArray) -> Iterator[tuple[slice, bool]]:
    """Yield the stretches of successive readings that count, or do not, in order.

    >>> list(runs(np.array([True, True, False])))
    [(slice(0, 2, None), True), (slice(2, 3, None), False)]
    """
    if not len(on):
        return
    edges = [0, *(np.flatnonzero(on[1:] != on[:-1]) + 1).tolist(), len(on)]
    for start, stop in itertools.pairwise(edges):
        yield slice(start, stop), bool(on[start])


def _parts(text: str) -> list[str]:
    """Cut at each ``and`` that is not inside quotes."""
    cuts = [match.span() for match in re.finditer(_AND, text) if match[1] is None]
    starts, stops = [0, *(stop for _, stop in cuts)], [*(start for start, _ in cuts), len(text)]
    return [text[start:stop] for start, stop in zip(starts, stops, strict=True)]


def _comparison(part: str, text: str) -> Comparison:
    match = re.fullmatch(_COMPARISON, part)
    number = float(match["number"]) if match and re.fullmatch(_NUMBER, match["number"]) else math.nan
    if match is None or not abs(number) <= _LARGEST:
        raise UsageError(
            "--only-when: expected comparisons of a sensor with a number (< <= > >= == !=), joined by `and`, such as "
            f"'current > 2 and valve == 1'. Received: {part.strip()!r} in {text!r}. Put names "
            "that contain `and`, an operator or a quote in double quotes."
        )
    sensor = match["sensor"]
    quoted = sensor.startswith('"')
    return Comparison(sensor[1:-1].replace('""', '"') if quoted else sensor, match["operator"], number)


def _name(sensor: str) -> str:
    plain = sensor == sensor.strip() and sensor and not re.search(r'["<>=!]|\s', sensor)
    return sensor if plain else '"' + sensor.replace('"', '""') + '"'


def _digits(number: float) -> str:
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)
