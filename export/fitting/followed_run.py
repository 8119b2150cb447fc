"""A run as its detector will see it: modes counted, rates of tracking decided, windows followed."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from edge_runtime.arrays import BoolArray, FloatArray
from edge_runtime.fitting.followed_windows import FollowedWindows, are_followed
from edge_runtime.fitting.heads import Space
from edge_runtime.fitting.moments import Floats
from edge_runtime.fitting.outliers import usual_windows
from edge_runtime.fitting.scaling import rescaled
from edge_runtime.model_file.manifest import CHOSEN_ON_EXPORT
from export.fitting.fit_heads import Modes, k_means, modes_in, one_mode_in
from training.run_folder import RunFolder

# The mean follows a drift within two hundred readings. At 0.01, faults of a process that hardly exceed the limit become
# normal while they last (TEP). A single sensor's may: nothing is fitted on what its mean leaves.
_MEAN_RATE, _MEAN_RATE_OF_ONE = 0.005, 0.01
# The scale only widens. Faults of one sensor among many are small in that sensor and last: at 1e-3 they would become
# normal before they end (TEP).
_SCALE_RATE, _SCALE_RATE_OF_ONE = 1e-4, 1e-3

# In nats a window. A mean that follows explains a machine that does not drift a little better as well (0.1 to 0.5), and
# finds fewer of its faults; a drift by far (7 or more). A slow one shows where modes of other blocks must extrapolate:
# in the first and the last block, following gains 0.7 to 2 more than in those between; without a drift, 0.3 at most
# (simulated machines).
_CLEARLY, _MORE_AT_THE_ENDS = 1.0, 0.5
# Once a drift is followed, all blocks are about as likely (within 1.7). Where they are not, it was none
# (50 on the bundled recording of a computer, whose parts do different work).
_LEVEL = 3.0
_ROUNDS = 2


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


class _Explanation(NamedTuple):
    """One way to understand a recording: its modes, and whether a mean follows its drift."""

    run: RunFolder
    modes: Modes


# Products this small are slower on several threads, and much slower if other processes compete for the cores.
@threadpool_limits.wrap(limits=1)  # type: ignore[untyped-decorator]
def followed(run: RunFolder) -> FollowedRun:
    """Decide whether mean and scale follow the readings, and let them.

    Machines drift, but the mean must not follow a change of modes. Nor may the scale: while the machine stays in one
    mode, it would draw the readings away from that mode, towards the middle of all. A machine that has modes is
    followed where that explains its recording better than the modes do, which divide a drift as well: without modes,
    or relative to the mode that it works in.
    """
    wish, modes = run.spec.scoring, _modes(run)
    if modes.number > 1 and wish.head == CHOSEN_ON_EXPORT.head and are_followed(_with_rates(run, follows=True).spec):
        run, modes = _best_explained(run, modes)
        return FollowedRun(_with_rates(run, follows=False), modes.number)
    run = _with_rates(run, follows=run.is_series and modes.number == 1 and wish.head != "modes")
    return FollowedRun(_seen(run) if are_followed(run.spec) else run, modes.number)


def _best_explained(run: RunFolder, modes: Modes) -> _Explanation:
    """Return the run with a mean that stays, one that follows, or one that follows relative to modes."""
    best = _Explanation(run, modes)
    for make in (_without_modes, _within_modes):
        one = make(run, modes)
        is_better = one.modes.likelihood > best.modes.likelihood + _CLEARLY
        if _drifts(modes, one.modes) and (best.run is run or is_better):
            best = one
    return best


def _drifts(still: Modes, following: Modes) -> bool:
    """Return whether the machine drifts, by how likely modes are without and with a mean that follows."""
    if np.isinf(following.likelihood) or -_at_the_ends(following.by_block) > _LEVEL:
        return False
    gains = np.subtract(following.by_block, still.by_block)
    is_slow = float(gains[[0, -1]].mean()) > 0.0 and _at_the_ends(gains) > _MORE_AT_THE_ENDS
    return is_slow or float(gains.mean()) > _CLEARLY


def _at_the_ends(by_block: npt.ArrayLike) -> float:
    """Return how much more the first and the last block have than those between, in the mean."""
    blocks = np.asarray(by_block)
    return float(blocks[[0, -1]].mean() - blocks[1:-1].mean())


def _without_modes(run: RunFolder, _: Modes) -> _Explanation:
    seen = _seen(_with_rates(run, follows=True))
    return _Explanation(seen, one_mode_in(_usual_inputs(seen)))


def _within_modes(run: RunFolder, modes: Modes) -> _Explanation:
    """Follow relative to modes, which are looked for once more where the drift that blurs them is gone."""
    run = seen = _with_rates(run, follows=True)
    for _ in range(_ROUNDS):
        spec = rescaled(seen.spec._replace(modes=_levels(seen, modes.number)), run.spec.preprocessing)
        seen = _seen(replace(run, spec=spec))
        modes = modes_in(_usual_inputs(seen))
    return _Explanation(seen, modes)


def _levels(run: RunFolder, count: int) -> tuple[tuple[float, ...], ...]:
    """Return the mean readings of modes, in the sensors' units."""
    spec = run.spec.preprocessing
    windows = run.windows.windows
    readings = (windows[_usual(run, spec.transform(windows)), -1] - np.array(spec.center)) / spec.scale
    levels = k_means(readings, count, Space(np.zeros(1))) * spec.scale + spec.center
    return tuple(map(tuple, levels.tolist()))


def _seen(run: RunFolder) -> RunFolder:
    """Return the run with its windows as its mean and scale show them."""
    seen = FollowedWindows(run.windows.windows, run.windows.starts, run.spec)
    return replace(run, spec=seen.spec, windows=replace(run.windows, windows=seen[:]))


def _modes(run: RunFolder) -> Modes:
    # The levels of one sensor alone shift with the load: taken for modes, they alarmed five times as often on NAB.
    wish, may_have_modes = run.spec.scoring, run.is_series and run.spec.preprocessing.sensors > 1
    if not (wish.head == "modes" or (may_have_modes and wish.head == CHOSEN_ON_EXPORT.head)):
        return Modes(1)
    return modes_in(_usual_inputs(run))


def _usual_inputs(run: RunFolder) -> Floats:
    inputs = run.spec.preprocessing.transform(run.windows.windows)
    return inputs[_usual(run, inputs)].astype(np.float64)


def _usual(run: RunFolder, inputs: FloatArray) -> BoolArray:
    return usual_windows([inputs]) if run.is_series else np.ones(len(inputs), bool)


def _with_rates(run: RunFolder, *, follows: bool) -> RunFolder:
    """Return the run with the rates that were left open."""
    wish, sensors = run.spec.scoring, run.spec.preprocessing.sensors
    rates = (_MEAN_RATE, _SCALE_RATE) if sensors > 1 else (_MEAN_RATE_OF_ONE, _SCALE_RATE_OF_ONE)
    mean_rate, scale_rate = rates if follows else (0.0, 0.0)
    scoring = wish._replace(
        mean_rate=wish.mean_rate if wish.mean_rate >= 0 else mean_rate,
        scale_rate=wish.scale_rate if wish.scale_rate >= 0 else scale_rate,
    )
    return replace(run, spec=run.spec._replace(scoring=scoring))
