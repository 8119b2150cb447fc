"""Units of sensors, from the names of their columns: ``flow [l/min]``, ``flow (l/min)``, ``flow_lpm``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from edge_runtime.errors import UsageError

_BRACKETS = re.compile(r"\[([^\[\]]{1,20})\]\s*$|\(([^()]{1,20})\)\s*$")
_PARTS = re.compile(r"[a-z0-9%]+")
# Endings that mean a unit whatever stands before them.
_ENDINGS = {
    "ah": "Ah", "bar": "bar", "celsius": "°C", "cm": "cm", "db": "dB", "degc": "°C", "degf": "°F", "fahrenheit": "°F",
    "ghz": "GHz", "gpm": "gal/min", "hpa": "hPa", "hz": "Hz", "kg": "kg", "khz": "kHz", "kpa": "kPa", "kv": "kV",
    "kw": "kW", "kwh": "kWh", "lpm": "l/min", "lux": "lx", "mbar": "mbar", "mhz": "MHz", "mm": "mm", "mmps": "mm/s",
    "mpa": "MPa", "nm": "N·m", "pct": "%", "percent": "%", "ppm": "ppm", "psi": "psi", "rpm": "rpm", "umin": "1/min",
    "volts": "V", "watts": "W",
}  # fmt: skip
# Single letters name phases, axes and channels as well: they are units only after the quantity they measure.
_LETTERS = {
    "a": (("current", "amp"), "A"),
    "c": (("temp", "heat", "therm"), "°C"),
    "f": (("temp", "therm"), "°F"),
    "g": (("accel", "acc", "vibration"), "g"),
    "k": (("temp", "therm"), "K"),
    "v": (("volt",), "V"),
    "w": (("power",), "W"),
    "pa": (("press",), "Pa"),
}


def unit_of(name: str) -> str:
    """Return the unit that the name of a column states; empty if it states none.

    >>> [unit_of(name) for name in ("flow [l/min]", "Temp (°C)", "flow_lpm", "motor_current_a")]
    ['l/min', '°C', 'l/min', 'A']
    >>> [unit_of(name) for name in ("phase_a", "sensor (2)", "bar")]
    ['', '', '']
    """
    if found := _BRACKETS.search(name):
        inside = (found[1] or found[2]).strip()
        return "" if found[2] and inside.isdigit() else inside
    parts = _PARTS.findall(name.lower())
    if len(parts) < 2:
        return ""
    before, last = "_".join(parts[:-1]), parts[-1]
    if last == "s" and parts[-2] in ("m", "mm"):
        return f"{parts[-2]}/s" if len(parts) > 2 else ""
    quantities, unit = _LETTERS.get(last, ((), ""))
    return unit if any(quantity in before for quantity in quantities) else _ENDINGS.get(last, "")


def bare_name(name: str, unit: str) -> str:
    """Return a name without the unit in brackets at its end.

    >>> bare_name("flow [l/min]", "l/min"), bare_name("flow_lpm", "l/min"), bare_name("sensor (2)", "")
    ('flow', 'flow_lpm', 'sensor (2)')
    """
    found = _BRACKETS.search(name)
    if not unit or found is None or (found[1] or found[2]).strip() != unit:
        return name
    return name[: found.start()].rstrip() or name


def units_of(names: Iterable[str], stated: Iterable[str] = ()) -> tuple[str, ...]:
    """Return each sensor's unit: the one stated, or the one in its name.

    Parameters
    ----------
    names : iterable of str
    stated : iterable of str
        ``NAME=UNIT``, the last ``=`` counts.

    Raises
    ------
    UsageError
        If one has another form, or names no sensor.

    Examples
    --------
    >>> units_of(["flow", "heat_degc"], ["flow=l/min"])
    ('l/min', '°C')
    """
    names = tuple(names)
    units = _stated(stated, names)
    return tuple(units.get(name, unit_of(name)) for name in names)


def _stated(stated: Iterable[str], names: tuple[str, ...]) -> Mapping[str, str]:
    units: dict[str, str] = {}
    for text in stated:
        name, equals, unit = text.rpartition("=")
        if not equals or name.strip() not in names:
            raise UsageError(
                f"units: expected NAME=UNIT for sensors of the recording ({', '.join(names)}). Received: {text!r}"
            )
        units[name.strip()] = unit.strip()
    return units
