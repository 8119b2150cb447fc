"""Events of commissioning: a machine is being learnt, and alarms are held back until it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LearningStarted:
    """Learning begins, or goes on after a restart.

    Parameters
    ----------
    time_s : float
        Seconds since the epoch, by the computer's clock.
    learn_s : float
        How long it takes, of watched time.
    progress : float
        Share of it that has passed.
    """

    time_s: float
    learn_s: float
    progress: float

    name = "learning_started"


@dataclass(frozen=True)
class LearningEnded:
    """Alarms are announced from now on.

    Parameters
    ----------
    time_s : float
    windows : int
        Windows that were learnt from.
    learnt : bool
        Whether it worked; otherwise the maker's file judges.
    """

    time_s: float
    windows: int
    learnt: bool

    name = "learning_ended"


LearningEvent = LearningStarted | LearningEnded
