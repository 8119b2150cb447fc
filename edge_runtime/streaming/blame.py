"""The sensors to blame: what each one reads, and what all the others lead to expect."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edge_runtime.arrays import FloatArray, joined
from edge_runtime.common.units import bare_name

if TYPE_CHECKING:
    from edge_runtime.inference.detector import Detector

TOP_SENSORS = 3


@dataclass(frozen=True)
class Blamed:
    """A sensor to blame.

    Parameters
    ----------
    sensor : str
    share : float
        Its share of the score, from 0 to 1.
    value : float or None
        Its mean over the window, in its own unit; None where it was not computed.
    expected : float or None
        What that mean should be given all other sensors.
    deviation : float or None
        Usual (standard) deviation of the value from what is expected, on normal data.
    unit : str
        Empty if unknown.
    """

    sensor: str
    share: float
    value: float | None = None
    expected: float | None = None
    deviation: float | None = None
    unit: str = ""

    def text(self) -> str:
        """Return a few words.

        >>> Blamed("bearing", 0.9, 84.13, 61.2222, 1.87, "°C").text()
        'bearing 84.1 °C, expected 61.2 ± 1.9'
        >>> Blamed("flow [l/min]", 0.9, 30.1, 33.04, 0.5, "l/min").text()
        'flow 30.10 l/min, expected 33.04 ± 0.50'
        >>> Blamed("bearing", 0.9).text()
        'bearing'
        """
        if self.value is None or self.expected is None or self.deviation is None:
            return self.sensor
        digits = _decimals(self.deviation or abs(self.value - self.expected))
        unit = f" {self.unit}" if self.unit else ""
        value, expected, deviation = (f"{one:.{digits}f}" for one in (self.value, self.expected, self.deviation))
        return f"{bare_name(self.sensor, self.unit)} {value}{unit}, expected {expected} ± {deviation}"


def explanation(blamed: Iterable[Blamed]) -> str:
    """Return what some sensors read and what was expected of them, as one line.

    >>> explanation([Blamed("bearing", 0.7, 84.13, 61.22, 1.87, "°C"), Blamed("flow", 0.2, 30.0, 33.0, 0.5, "l/min")])
    'bearing 84.1 °C, expected 61.2 ± 1.9; flow 30.00 l/min, expected 33.00 ± 0.50'
    """
    return "; ".join(one.text() for one in blamed)


class Evidence(NamedTuple):
    """What speaks against each sensor in some windows.

    Parameters
    ----------
    contributions : ndarray of shape (n, sensors), float32
        Shares of the score, in its unit.
    levels, expected : ndarray of shape (n, sensors), float32
        Mean over the window and its expected value, see `Blamed`; NaN where not computed.
    """

    contributions: FloatArray
    levels: FloatArray
    expected: FloatArray


def joined_evidence(parts: Sequence[Evidence]) -> Evidence:
    """Return the evidence of successive windows as one."""
    return Evidence(*(joined(part) for part in zip(*parts, strict=True)))


class SensorFacts(NamedTuple):
    """What is known of a model's sensors, shape (sensors,) each.

    Parameters
    ----------
    names, units : tuple of str
    deviations : tuple of float
        Usual deviation of each sensor's mean over a window from its expected value.
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    deviations: tuple[float, ...]

    @classmethod
    def of(cls, detector: Detector) -> SensorFacts:
        """Return what a detector's file says."""
        sensors = detector.spec.sensors
        deviations = tuple(map(float, detector.deviations))
        return cls(detector.sensor_names, tuple(sensor.unit for sensor in sensors), deviations)

    def blamed(
        self, contributions: Sequence[float], levels: Sequence[float], expected: Sequence[float]
    ) -> tuple[Blamed, ...]:
        """Return the sensors to blame, worst first: at most `TOP_SENSORS`, none without a contribution.

        Parameters
        ----------
        contributions : sequence of float, one per sensor
        levels, expected : sequence of float, one per sensor
            NaN, or empty, if unknown.
        """
        order = np.argsort(-np.asarray(contributions), kind="stable")[:TOP_SENSORS].tolist()
        total = math.fsum(contributions)
        return tuple(
            Blamed(
                self.names[sensor],
                contributions[sensor] / total,
                _known(levels, sensor),
                _known(expected, sensor),
                self.deviations[sensor],
                self.units[sensor],
            )
            for sensor in order
            if contributions[sensor] > 0
        )


def _known(values: Sequence[float], sensor: int) -> float | None:
    return values[sensor] if len(values) and math.isfinite(values[sensor]) else None


def _decimals(deviation: float) -> int:
    """Return how many decimals a value with such a deviation deserves: two significant digits of the deviation.

    >>> _decimals(1.87), _decimals(0.023), _decimals(250.0)
    (1, 3, 0)
    """
    if not (math.isfinite(deviation) and deviation > 0):
        return 1
    return min(max(0, 1 - math.floor(math.log10(deviation))), 9)
