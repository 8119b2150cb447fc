"""A run as its detector will see it: modes counted, rates of tracking decided, windows followed."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from edge_runtime.arrays import BoolArray
from edge_runtime.fitting.followed_windows import FollowedWindows, are_followed
from edge_runtime.fitting.outliers import usual_windows
from edge_runtime.model_file.manifest import CHOSEN_ON_EXPORT, Scoring
from export.fitting.fit_heads import Modes, likelihood_of_one_mode, modes_in
from training.run_folder import RunFolder

# The mean follows a drift within two hundred readings. At 0.01, faults of a process that hardly exceed the limit become
# normal while they last (TEP). A single sensor's may: nothing is fitted on what its mean leaves.
_MEAN_RATE, _MEAN_RATE_OF_ONE = 0.005, 0.01
# The scale only widens. Faults of one sensor among many are small in that sensor and last: at 1e-3 they would become
# normal before they end (TEP).
_SCALE_RATE, _SCALE_RATE_OF_ONE = 1e-4, 1e-3

# In nats a window. A mean that follows explains a plain machine a little better as well (0.1 to 0.5), and finds fewer
# of its faults; a drift by far (7 or more; simulated machines).
_CLEARLY = 1.0


class FollowedRun(NamedTuple):
    """A run whose rates of tracking are decided.

    Parameters
    ----------
    run : RunFolder
        Its windows are as the model sees them, and its centre is the mean that the device starts from.
    modes : int
        Modes of operation.
    """

    run: RunFolder
    modes: int


# Products this small are slower on several threads, and much slower if other processes compete for the cores.
@threadpool_limits.wrap(limits=1)  # type: ignore[untyped-decorator]
def followed(run: RunFolder) -> FollowedRun:
    """Decide whether mean and scale follow the readings, and let them.

    Machines drift, but the mean must not follow a change of modes. Nor may the scale: while the machine stays in one
    mode, it would draw the readings away from that mode, towards the middle of all.
    """
    wish, modes = run.spec.scoring, _modes(run)
    follows = run.is_series and modes == 1 and wish.head != "modes"
    run = replace(run, spec=run.spec._replace(scoring=_with_rates(run, follows=follows)))
    return FollowedRun(_seen(run) if are_followed(run.spec) else run, modes)


def _seen(run: RunFolder) -> RunFolder:
    """Return the run with its windows as its mean and scale show them."""
    seen = FollowedWindows(run.windows.windows, run.windows.starts, run.spec)
    spec = run.spec._replace(preprocessing=seen.preprocessing)
    return replace(run, spec=spec, windows=replace(run.windows, windows=seen[:]))


def _modes(run: RunFolder) -> int:
    # The levels of one sensor alone shift with the load: taken for modes, they alarmed five times as often on NAB.
    wish, may_have_modes = run.spec.scoring, run.is_series and run.spec.preprocessing.sensors > 1
    if not (wish.head == "modes" or (may_have_modes and wish.head == CHOSEN_ON_EXPORT.head)):
        return 1
    inputs = run.spec.preprocessing.transform(run.windows.windows)
    usual = usual_windows([inputs]) if run.is_series else np.ones(len(inputs), bool)
    modes = modes_in(inputs[usual].astype(np.float64))
    if modes.number > 1 and wish.head != "modes" and _drifts(run, usual, modes):
        return 1
    return modes.number


def _drifts(run: RunFolder, usual: BoolArray, modes: Modes) -> bool:
    """Return whether a mean that follows explains the windows better than modes do, which divide a drift as well."""
    spec = run.spec._replace(scoring=run.spec.scoring._replace(mean_rate=_MEAN_RATE, scale_rate=0.0))
    if not are_followed(spec):
        return False
    seen = _seen(replace(run, spec=spec))
    inputs = seen.spec.preprocessing.transform(seen.windows.windows)
    return likelihood_of_one_mode(inputs[usual].astype(np.float64)) > modes.likelihood + _CLEARLY


def _with_rates(run: RunFolder, *, follows: bool) -> Scoring:
    """Return the scoring with the rates that were left open."""
    wish, sensors = run.spec.scoring, run.spec.preprocessing.sensors
    rates = (_MEAN_RATE, _SCALE_RATE) if sensors > 1 else (_MEAN_RATE_OF_ONE, _SCALE_RATE_OF_ONE)
    mean_rate, scale_rate = rates if follows else (0.0, 0.0)
    return wish._replace(
        mean_rate=wish.mean_rate if wish.mean_rate >= 0 else mean_rate,
        scale_rate=wish.scale_rate if wish.scale_rate >= 0 else scale_rate,
    )
