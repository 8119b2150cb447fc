"""What is told of an alarm: that it starts, and that it has ended."""

from __future__ import annotations

from dataclasses import dataclass

from edge_runtime.streaming.blame import Blamed


@dataclass(frozen=True)
class AlarmStarted:
    """An alarm starts.

    Parameters
    ----------
    time_s : float
        Seconds since the epoch.
    score, threshold : float
    blamed : tuple of Blamed
        The sensors to blame, worst first.
    """

    time_s: float
    score: float
    threshold: float
    blamed: tuple[Blamed, ...]

    name = "alarm_started"

    @property
    def sensors(self) -> tuple[str, ...]:
        """Names of the sensors to blame."""
        return tuple(one.sensor for one in self.blamed)


@dataclass(frozen=True)
class AlarmEnded:
    """An alarm ends.

    Parameters
    ----------
    time_s, started_s : float
        Seconds since the epoch, by the readings' times.
    duration_s : float
        In steady time: not the difference of the two if the readings' clock was set meanwhile.
    peak_score : float
        The highest score during the alarm.
    blamed : tuple of Blamed
        The sensors to blame over the whole alarm, worst first, with their values at the peak.
    """

    time_s: float
    started_s: float
    duration_s: float
    peak_score: float
    blamed: tuple[Blamed, ...]

    name = "alarm_ended"

    @property
    def sensors(self) -> tuple[str, ...]:
        """Names of the sensors to blame."""
        return tuple(one.sensor for one in self.blamed)


AlarmEvent = AlarmStarted | AlarmEnded
