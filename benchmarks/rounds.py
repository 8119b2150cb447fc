"""Rounds of calls by turns, and which of them count.

A core does not always run at one speed: in a virtual machine, or beside a busy twin that shares its units, it runs
for spells of a tenth of a second to many seconds at little more than half its speed, and whatever is timed then
takes that much longer. So a fixed loop over integers is timed before and after every round, and the figures are of
the rounds in which the core itself was at full speed. What other processes do to single calls stays in the figures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.worker_process import Job, WorkerFailedError, WorkerProcess
from edge_runtime.arrays import IntArray

OnStep = Callable[[str], None]
# Full speed is that of the fastest hundredth of all rounds. A core keeps within a fifth of it, however high its clock
# goes for a moment; the slow spells take 1.5 to 1.8 times as long.
_FASTEST, _TOLERANCE = 0.01, 1.25
# If the core is hardly ever fast, the fastest rounds count.
_FEWEST_ROUNDS = 6


@dataclass(frozen=True)
class Turns:
    """How long to measure.

    Parameters
    ----------
    rounds : int
        In each all take their turn, so that slow changes of the machine fall on all of them.
    round_s : float
        Seconds of one turn.
    fewest_calls : int
        Per contender, over all rounds; slow ones get longer turns.
    """

    rounds: int = 60
    round_s: float = 0.05
    fewest_calls: int = 1000

    @property
    def calls_per_round(self) -> int:
        """Calls of one turn at least."""
        return max(1, math.ceil(self.fewest_calls / self.rounds))


# At least three seconds and 1,000 calls a row.
THOROUGH = Turns()
# Half a second a row: for a first look, and to see that it works.
QUICK_TURNS = Turns(rounds=10, fewest_calls=0)


@dataclass(frozen=True)
class Round:
    """One turn of one contender.

    Parameters
    ----------
    durations_ns : ndarray of int64
        Of every call.
    pace_ns : float
        Time of the fixed loop, the slower of before and after.
    """

    durations_ns: IntArray
    pace_ns: float


@dataclass(frozen=True)
class Taken:
    """All turns of one contender.

    Parameters
    ----------
    start : dict
        What its worker said when it was ready.
    rounds : tuple of Round
        Those that count.
    n_rounds : int
        All that were taken.
    failure : str
        Why there are none; empty if all went well.
    """

    start: dict[str, Any]
    rounds: tuple[Round, ...]
    n_rounds: int
    failure: str = ""


def take_turns(jobs: Sequence[Job], turns: Turns, on_step: OnStep = lambda _: None) -> list[Taken]:
    """Start a worker for every job, and let them take turns in each round.

    A worker whose undisturbed rounds hold too few calls or seconds takes part in up to as many rounds again. One that
    fails does not stop the others.
    """
    with ExitStack() as stack:
        players = [_Player(job, stack, on_step) for job in jobs]
        for number in range(2 * turns.rounds):
            limit_ns = _limit_ns(players)
            for player in players:
                if number < turns.rounds or not _is_enough(undisturbed(player.rounds, limit_ns), turns):
                    on_step(f"round {number + 1} of {turns.rounds}: {player.title}")
                    player.take_turn(turns)
        limit_ns = _limit_ns(players)
        return [player.taken(limit_ns) for player in players]


class _Player:
    """A worker, its rounds so far, and why it dropped out."""

    def __init__(self, job: Job, stack: ExitStack, on_step: OnStep) -> None:
        self.title, self.failure = job.title, ""
        self.rounds: list[Round] = []
        self._worker: WorkerProcess | None = None
        on_step(f"starting {job.title}")
        try:
            self._worker = stack.enter_context(WorkerProcess(job))
        except WorkerFailedError as error:
            self.failure = error.reason

    def take_turn(self, turns: Turns) -> None:
        if self.failure or self._worker is None:
            return
        try:
            answer = self._worker.ask(seconds=turns.round_s, calls=turns.calls_per_round)
        except WorkerFailedError as error:
            self.failure = error.reason
            return
        self.rounds.append(Round(np.array(answer["ns"], np.int64), answer["pace_ns"]))

    def taken(self, limit_ns: float) -> Taken:
        if self.failure or self._worker is None:
            return Taken({}, (), 0, self.failure)
        return Taken(self._worker.start, undisturbed(self.rounds, limit_ns), len(self.rounds))


def undisturbed(rounds: Sequence[Round], limit_ns: float) -> tuple[Round, ...]:
    """Return the rounds in which the core was at full speed, or the quietest six if they are fewer."""
    n_quiet = sum(one.pace_ns <= limit_ns for one in rounds)
    return tuple(sorted(rounds, key=lambda one: one.pace_ns)[: max(n_quiet, _FEWEST_ROUNDS)])


def _limit_ns(players: Sequence[_Player]) -> float:
    """Return how long the loop may take."""
    paces = [one.pace_ns for player in players for one in player.rounds]
    return _TOLERANCE * float(np.quantile(paces, _FASTEST)) if paces else math.inf


def _is_enough(rounds: Sequence[Round], turns: Turns) -> bool:
    calls = sum(len(one.durations_ns) for one in rounds)
    seconds = sum(float(one.durations_ns.sum()) for one in rounds) / 1e9
    # What is between the calls takes up to a fifth of the time.
    return calls >= turns.fewest_calls and seconds >= 0.8 * turns.rounds * turns.round_s
