"""What a report shows: plain figures, gathered elsewhere, drawn by the other files of this package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.benchmark_result import Benchmark
from edge_runtime.arrays import BoolArray

Array = npt.NDArray[np.floating[Any]]
Mask = BoolArray


@dataclass(frozen=True)
class Figures:
    """Detection figures at the threshold; None if the recording has no labels.

    Parameters
    ----------
    roc_auc, f1 : float or None
        0..1, higher is better.
    far, mar : float or None
        Share of normal windows above the threshold, share of anomalous windows not above it.
    n_windows, n_anomalous : int
        Windows scored, and how many of them are labelled anomalous.
    """

    roc_auc: float | None
    f1: float | None
    far: float | None
    mar: float | None
    n_windows: int
    n_anomalous: int


@dataclass(frozen=True)
class ScoreTrace:
    """The smoothed score at each window's end.

    Parameters
    ----------
    seconds : ndarray of shape (n,)
        Ascending times of the windows' last readings; their numbers where `has_time` is False.
    scores : ndarray of shape (n,)
        Higher is more anomalous.
    threshold : float
        ``score > threshold`` is anomalous.
    labels : ndarray of shape (n,), bool, or None
        Which windows are labelled anomalous.
    faults : tuple of str or None
        Name of the fault at each window, empty where there is none.
    has_time : bool
        Whether the recording has times.
    epoch_s : float or None
        Seconds since 1970 at second 0; None if the recording has no dates.
    counted : str
        What `seconds` are the numbers of, where `has_time` is False.
    """

    seconds: Array
    scores: Array
    threshold: float
    labels: Mask | None
    faults: tuple[str, ...] | None
    has_time: bool = True
    epoch_s: float | None = None
    counted: str = "window"

    @property
    def anomalies(self) -> Mask:
        """Windows above the threshold, shape (n,)."""
        return np.asarray(self.scores > self.threshold)


@dataclass(frozen=True)
class SensorTrace:
    """A sensor's readings around an alarm.

    Parameters
    ----------
    sensor : str
    seconds, values, expected : ndarray of shape (n,)
        NaN where a value is missing; what was expected instead of it.
    band : float
        Expected values are right to this on either side.
    """

    sensor: str
    seconds: Array
    values: Array
    expected: Array
    band: float


@dataclass(frozen=True)
class Alarm:
    """One alarm, from the first window of it to the last.

    Parameters
    ----------
    number : int
        Counted from 1.
    start_s, end_s : float
    peak : float
        Highest score.
    during : str
        The fault's name from the labels; empty if there is none.
    blame : tuple of (str, float)
        Sensors and their share (0..1) of the score, highest first.
    traces : tuple of SensorTrace
        Of the sensors to blame; empty where the alarm is not shown in detail.
    is_cut : bool
        Whether the traces end before the alarm does.
    """

    number: int
    start_s: float
    end_s: float
    peak: float
    during: str = ""
    blame: tuple[tuple[str, float], ...] = ()
    traces: tuple[SensorTrace, ...] = ()
    is_cut: bool = False


@dataclass(frozen=True)
class FaultRow:
    """One labelled fault.

    Parameters
    ----------
    fault : str
    start_s, duration_s : float
    delay_s : float or None
        From its start to the first window with an alarm; None if there was none.
    blame : tuple of (str, float)
        Sensors and their share (0..1) of the score, highest first.
    """

    fault: str
    start_s: float
    duration_s: float
    delay_s: float | None
    blame: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class EpochShown:
    """One epoch of training; `penalty` is the KL term, `mean_activation` is the mean of rho-hat."""

    epoch: int
    loss: float
    validation_loss: float
    penalty: float
    mean_activation: float


@dataclass(frozen=True)
class LatencyRow:
    """Time for one window, in microseconds: median and 99th percentile."""

    name: str
    p50_us: float
    p99_us: float
    note: str = ""


@dataclass(frozen=True)
class FileSize:
    """A file and its size; `holds` says what is in it: sizes of the same are compared."""

    name: str
    n_bytes: int
    holds: str = ""


@dataclass(frozen=True)
class LearntShown:
    """What a training made, on held-out normal windows.

    Parameters
    ----------
    mean_activations, firing_shares : ndarray of shape (units,)
        Of each code: mean, and share of windows in which it is above one half.
    errors : tuple of (str, float)
        Root mean squared error of each sensor's reconstruction, in scales.
    quality : tuple of (str, str, str)
        Each sensor of the recording, its grade, and why; see `training.recordings.profile`.
    """

    mean_activations: Array
    firing_shares: Array
    errors: tuple[tuple[str, float], ...]
    quality: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Report:
    """All a report shows; an empty part drops its section.

    Parameters
    ----------
    title, recording : str
        Name of the detector, and of the recording it was tried on.
    figures : Figures
    trace : ScoreTrace
    faults : tuple of FaultRow
        In time order.
    history : tuple of EpochShown
    normal_scores : ndarray of shape (m,)
        Smoothed scores of held-out normal windows.
    latency : tuple of LatencyRow
        First the device's detector, which the others are compared with.
    sizes : tuple of FileSize
    facts : tuple of (str, str)
        The model in words: sensors, window, head, threshold method, runtime …
    rho : float or None
        Target activation the training aimed at.
    benchmark : Benchmark or None
        Where the latencies come from: memory, start, machine.
    learnt : LearntShown or None
        What the training made.
    alarms : tuple of Alarm
        In time order.
    watched_s : float
        Time the alarms are counted in; 0 where it is not known.
    model : str
        What the detector is, in one line.
    """

    title: str
    recording: str
    figures: Figures
    trace: ScoreTrace
    faults: tuple[FaultRow, ...]
    history: tuple[EpochShown, ...]
    normal_scores: Array
    latency: tuple[LatencyRow, ...]
    sizes: tuple[FileSize, ...]
    facts: tuple[tuple[str, str], ...]
    rho: float | None = None
    benchmark: Benchmark | None = None
    learnt: LearntShown | None = None
    alarms: tuple[Alarm, ...] = ()
    watched_s: float = 0.0
    model: str = ""
