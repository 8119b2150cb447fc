"""Numbers as a reader wants them: three digits and a unit."""

from __future__ import annotations

import math

Units = tuple[tuple[float, str], ...]

UNKNOWN = "\N{EN DASH}"
# A number and its unit stay on one line.
_SPACE = "\N{NO-BREAK SPACE}"
_LATENCY: Units = ((1e6, "s"), (1e3, "ms"), (1.0, "\N{MICRO SIGN}s"))
_DURATION: Units = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"))
_CLOCK: Units = ((2 * 86400.0, "d"), (3 * 3600.0, "h"), (300.0, "min"), (0.0, "s"))
_SIZE: Units = ((1e6, "MB"), (1e3, "kB"), (1.0, "B"))
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float | None) -> str:
    """Return about three significant digits, whole above 100.

    >>> [number(value) for value in (0, 0.85123, 7.0, 41.27, 9571.4, None)]
    ['0', '0.851', '7', '41.3', '9,571', '–']
    """
    if value is None or math.isnan(value):
        return UNKNOWN
    size = abs(value)
    if not size or size < 1 or size >= 1e7:
        return f"{value:.3g}"
    text = f"{value:,.{0 if size >= 100 else 1 if size >= 10 else 2}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float | None) -> str:
    """Return a share (0..1) in percent.

    >>> percent(0.0042).replace(chr(160), " ")
    '0.42 %'
    """
    if share is None or math.isnan(share):
        return UNKNOWN
    # Two digits below one percent: more would be noise.
    return (f"{100 * share:.2g}" if share < 0.01 else number(100 * share)) + f"{_SPACE}%"


def latency(value_us: float) -> str:
    """Return microseconds in a fitting unit.

    >>> latency(67_000).replace(chr(160), " ")
    '67 ms'
    """
    return _with_unit(value_us, _LATENCY)


def duration(value_s: float | None) -> str:
    """Return seconds in a fitting unit.

    >>> duration(90).replace(chr(160), " ")
    '1.5 min'
    """
    if value_s is None:
        return UNKNOWN
    return _with_unit(value_s, _DURATION) if value_s else f"0{_SPACE}s"


def clock_unit(longest_s: float) -> tuple[float, str]:
    """Return the one unit, in seconds and by name, for times up to `longest_s`.

    >>> clock_unit(6000.0)
    (60.0, 'min')
    """
    unit = next(unit for least_s, unit in _CLOCK if longest_s >= least_s or not least_s)
    return next(unit_s for unit_s, name in _DURATION if name == unit), unit


def clock(at_s: float, longest_s: float) -> str:
    """Return a time in the unit that fits the longest one beside it.

    >>> clock(90.0, 6000.0).replace(chr(160), " ")
    '1.5 min'
    """
    unit_s, unit = clock_unit(longest_s)
    return f"{at_s / unit_s:,.1f}{_SPACE}{unit}"


def file_size(n_bytes: int) -> str:
    """Return bytes in a fitting decimal unit.

    >>> file_size(24_310).replace(chr(160), " ")
    '24.3 kB'
    """
    return _with_unit(n_bytes, _SIZE)


def ratio(value: float, base: float) -> str:
    """Return how many times `base` the value is.

    >>> ratio(67_000, 7)
    '9,571×'
    """
    return f"{number(value / base)}\N{MULTIPLICATION SIGN}" if base else UNKNOWN


def power_of_ten(value: float) -> str:
    """Return a tick of a log axis.

    >>> [power_of_ten(value) for value in (1e-5, 0.01, 100.0, 1e6)]
    ['10⁻⁵', '0.01', '100', '10⁶']
    """
    exponent = round(math.log10(value))
    if -3 <= exponent <= 4 or not math.isclose(value, 10.0**exponent):
        return number(value)
    return "10" + str(exponent).translate(_SUPERSCRIPTS)


def shortened(text: str, length: int) -> str:
    """Return at most `length` characters, an ellipsis for the rest.

    >>> shortened("temperature_bearing", 12)
    'temperature…'
    """
    return text if len(text) <= length else text[: length - 1] + "…"


def _with_unit(value: float, units: Units) -> str:
    factor, unit = next((pair for pair in units if abs(value) >= pair[0]), units[-1])
    return f"{number(value / factor)}{_SPACE}{unit}"
