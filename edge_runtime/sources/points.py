"""Sources that read named points of a device: which point each sensor is, in the spec itself or in a small file.

A spec is ``KIND:PLACE?SENSOR=POINT&SENSOR=POINT&option=value``; ``points=FILE`` names a file that holds one
``SENSOR=POINT`` per line. Both know ``%26`` for ``&``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from edge_runtime.errors import UsageError
from edge_runtime.sources.sensor_names import SensorNames

_LARGEST_FILE = 1_000_000


@dataclass(frozen=True)
class PointSpec:
    """What a spec says.

    Parameters
    ----------
    place : str
        Where the device is.
    options : dict of str to str
    points : dict of str to str
        Point by sensor.
    """

    place: str
    options: dict[str, str]
    points: dict[str, str]

    @classmethod
    def parse(cls, spec: str, known: tuple[str, ...]) -> PointSpec:
        """Parse what follows the kind.

        Parameters
        ----------
        spec : str
        known : tuple of str
            Names of options; every other name is a sensor.

        Raises
        ------
        UsageError
            If a sensor is named twice or has no point, or the file cannot be read.

        Examples
        --------
        >>> PointSpec.parse("modbus://plc?flow=holding:4&rate=2", ("rate",))
        PointSpec(place='plc', options={'rate': '2'}, points={'flow': 'holding:4'})
        """
        place, _, query = spec.partition(":")[2].removeprefix("//").partition("?")
        pairs = [_pair(text, spec) for text in query.split("&") if text]
        options = {name: value for name, value in pairs if name in (*known, "points")}
        pairs = [pair for pair in pairs if pair[0] not in options]
        if "points" in options:
            pairs += _file_pairs(options.pop("points"))
        points = dict(pairs)
        if len(points) < len(pairs):
            raise UsageError(f"--source {spec}: a sensor is named twice. Expected each sensor once.")
        return cls(place, options, points)

    def of(self, sensors: Sequence[str], spec: str) -> dict[str, str]:
        """Return the points of some sensors, in their order; empty `SensorNames` become those that have points.

        Raises
        ------
        UsageError
            If a sensor has no point.
        """
        if isinstance(sensors, SensorNames) and not sensors:
            sensors += list(self.points)
        missing = [name for name in sensors if name not in self.points]
        if missing or not sensors:
            raise UsageError(
                f"--source {spec}: no point for {', '.join(missing) or 'any sensor'}. Expected SENSOR=POINT for each "
                f"sensor, after the question mark or in points=FILE. Received: {', '.join(self.points) or 'none'}."
            )
        return {name: self.points[name] for name in sensors}


def _pair(text: str, where: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    name, value = unquote(name).strip(), unquote(value).strip()
    if not name or not value:
        raise UsageError(f"{where}: expected NAME=VALUE. Received: {text!r:.80}")
    return name, value


def _file_pairs(path: str) -> list[tuple[str, str]]:
    try:
        with Path(path).open(encoding="utf-8") as file:
            lines = file.read(_LARGEST_FILE).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the points in {path}: {error}. Expected one SENSOR=POINT per line.") from error
    return list(_line_pairs(path, lines))


def _line_pairs(path: str, lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield _pair(line, f"{path}, line {number}")
