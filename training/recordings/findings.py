"""Sensors that spoil a detector: they never change, repeat another, count, or drift."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from itertools import compress

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import BoolArray, FloatArray
from edge_runtime.errors import RecordingError
from edge_runtime.signal.cycle import PERIODS, Cycle
from training.recordings.recording import Recording
from training.recordings.stretches import Stretches
from training.settings import DetectorSettings

Floats = npt.NDArray[np.float64]
DRIFT_BLOCK_ROWS = 50
DRIFT_LIMIT = 20.0


@dataclass(frozen=True)
class Findings:
    """What was found in the training rows.

    Parameters
    ----------
    constant : tuple of str
        Sensors whose range is within float32's rounding.
    duplicate : mapping of str to str
        Sensors with exactly the values of an earlier one, and the name of that one.
    drift : mapping of str to float
        Sensors that drift, and by how much: ``50 * Var(means of 50-row blocks) / Var``. It is about 1 for
        independent readings and grows with slow movement; from 20 on a sensor counts as drifting.
    cycle : mapping of str to str
        Sensors that follow the time, and ``day``, ``week`` or both: their usual course is taken away, see
        `training.recordings.cycles`.
    counters : tuple of str
        Sensors that only ever rise or fall, see `training.recordings.counters`.
    """

    constant: tuple[str, ...]
    duplicate: dict[str, str]
    drift: dict[str, float]
    cycle: dict[str, str] = field(default_factory=dict)
    counters: tuple[str, ...] = ()

    @property
    def drifting(self) -> tuple[str, ...]:
        """Sensors that drift and are no counters."""
        return tuple(name for name in self.drift if name not in self.counters)

    def lines(self, settings: DetectorSettings) -> list[str]:
        """Return one line of text per kind of finding."""
        found = (
            (settings.constant_policy, "constant", self.constant, ""),
            (settings.duplicate_policy, "duplicate", [f"{name} (of {of})" for name, of in self.duplicate.items()], ""),
            (settings.counter_policy, "counting", self.counters, ""),
            (settings.drift_policy, "drifting", self.drifting, "; export allows for drift"),
        )
        done = {"drop": "dropped", "keep": "kept"}
        followed = [
            f"follow the time of {period}, usual course taken away: {', '.join(names)}"
            for period in dict.fromkeys(self.cycle.values())
            if (names := [name for name, its in self.cycle.items() if its == period])
        ]
        return followed + [
            f"{what}, {done[policy]}: {', '.join(names)}{note if policy == 'keep' else ''}"
            for policy, what, names, note in found
            if names
        ]


def find(
    train: Stretches, sensors: tuple[str, ...], cycles: tuple[Cycle, ...] = (), counters: tuple[str, ...] = ()
) -> Findings:
    """Examine the training rows, in one pass and in bounded memory, without labels.

    Parameters
    ----------
    train : Stretches
    sensors : tuple of str
    cycles : tuple of Cycle
        The usual course that the rows are without.
    counters : tuple of str
        Sensors that count; some others are left, or none are taken for counters.
    """
    seen = _Seen(len(sensors))
    for block in train.blocks():
        seen.add(block)
    constant = seen.constant()
    duplicate: dict[str, str] = {}
    first: dict[bytes, str] = {}
    for name, digest, still in zip(sensors, seen.digests(), constant, strict=True):
        if not still and first.setdefault(digest, name) != name:
            duplicate[name] = first[digest]
    drift = zip(sensors, seen.drift().tolist(), strict=True)
    return Findings(
        constant=tuple(name for name, still in zip(sensors, constant, strict=True) if still),
        duplicate=duplicate,
        drift={name: ratio for name, ratio in drift if ratio >= DRIFT_LIMIT},
        cycle=_followed(sensors, cycles),
        counters=counters if {*sensors} - {*counters, *duplicate} - {*compress(sensors, constant)} else (),
    )


def _followed(sensors: tuple[str, ...], cycles: tuple[Cycle, ...]) -> dict[str, str]:
    periods: dict[str, list[str]] = {}
    for one in cycles:
        for name in one.followed_by(sensors):
            periods.setdefault(name, []).append(PERIODS[one.period_s])
    return {name: " and ".join(found) for name, found in periods.items()}


def apply(recording: Recording, findings: Findings, settings: DetectorSettings) -> Recording:
    """Return the recording without the sensors that are to be dropped.

    Raises
    ------
    RecordingError
        If the policy refuses a sensor, or no sensor is left.
    """
    dropped: list[str] = []
    for what, names, kind, why in (
        (settings.constant_policy, findings.constant, "constant", "never move"),
        (settings.duplicate_policy, tuple(findings.duplicate), "duplicate", "repeat another sensor"),
        (settings.counter_policy, findings.counters, "counter", "count"),
        (settings.drift_policy, findings.drifting, "drift", "drift"),
    ):
        if what == "error" and names:
            raise RecordingError(
                f"sensors that {why} in the training rows: {', '.join(names)}. Expected none. "
                f"Leave them out with --{kind}-policy drop, or --exclude {','.join(names)}"
            )
        dropped += [name for name in names if what == "drop" and name not in dropped]
    return recording.without(dropped)


class _Seen:
    """Running sums per sensor, in float64, relative to the first row."""

    def __init__(self, sensors: int) -> None:
        self._hashes = [hashlib.blake2b(digest_size=16) for _ in range(sensors)]
        self._low = np.full(sensors, np.inf)
        self._high = np.full(sensors, -np.inf)
        self._rows = _Moments(sensors)
        self._means = _Moments(sensors)
        self._origin: Floats | None = None

    def add(self, block: FloatArray) -> None:
        by_sensor = np.ascontiguousarray(block.T)
        for digest, column in zip(self._hashes, by_sensor, strict=True):
            digest.update(column.data)
        self._low = np.minimum(self._low, by_sensor.min(axis=1))
        self._high = np.maximum(self._high, by_sensor.max(axis=1))
        if self._origin is None:
            self._origin = block[0].astype(np.float64)
        moved = block - self._origin
        self._rows.add(moved)
        whole = len(moved) - len(moved) % DRIFT_BLOCK_ROWS
        self._means.add(moved[:whole].reshape(-1, DRIFT_BLOCK_ROWS, block.shape[1]).mean(axis=1))

    def constant(self) -> BoolArray:
        return np.asarray((self._high - self._low) <= 1e-6 * np.maximum(np.abs(self._low), np.abs(self._high)))

    def digests(self) -> list[bytes]:
        return [digest.digest() for digest in self._hashes]

    def drift(self) -> Floats:
        if self._means.count < 2:
            return np.zeros(len(self._low))
        return np.asarray(DRIFT_BLOCK_ROWS * self._means.variance() / np.maximum(self._rows.variance(), 1e-300))


class _Moments:
    def __init__(self, sensors: int) -> None:
        self.count, self._sum, self._squares = 0, np.zeros(sensors), np.zeros(sensors)

    def add(self, values: Floats) -> None:
        self.count += len(values)
        self._sum += values.sum(axis=0)
        self._squares += np.square(values).sum(axis=0)

    def variance(self) -> Floats:
        mean = self._sum / self.count
        return np.asarray(np.maximum(self._squares / self.count - mean**2, 0.0))
