"""One machine of a plant in its own thread: assembled, run, and started again after a failure."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from enum import Enum

from edge_runtime.errors import MissingExtraError, SourceStaleError, UsageError
from edge_runtime.plant.plant_file import NamedMachine
from edge_runtime.running.assembly import Membership, assembled
from edge_runtime.running.runner import Runner

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
_LONGEST_START_S = 120.0
"""A model's trial may take a minute; what takes longer hangs."""


class Phase(Enum):
    """What a machine's thread is doing."""

    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting to be started again"
    ENDED = "ended"
    GIVEN_UP = "given up"


class MachineWatch:
    """Watches one machine until its source ends or it is stopped; starts again, after growing pauses, what fails.

    It gives up where another start cannot help: a wrong setting, a missing package, a recording that cannot be read
    to its end.

    Parameters
    ----------
    machine : NamedMachine
    tell : callable
        Prints one line.

    Attributes
    ----------
    phase : Phase
    reason : str
        Why it is not running; empty until the first failure or the end.
    restarts : int
    """

    def __init__(self, machine: NamedMachine, tell: Callable[[str], None]) -> None:
        self.machine, self.phase, self.reason, self.restarts = machine, Phase.STARTING, "", 0
        self._say = tell
        self._pause_s = FIRST_PAUSE_S
        self._stopping = threading.Event()
        self._runner: Runner | None = None
        self._is_alive, self._began_s = False, time.monotonic()
        self._thread = threading.Thread(target=self._run, name=machine.name, daemon=True)
        run = machine.settings.run
        # The plant starts this machine again; systemd's watchdog would restart all of them.
        self._restarts_when_stale = run.on_stale == "restart"
        on_stale = "exit" if self._restarts_when_stale else run.on_stale
        self._settings = replace(machine.settings, run=replace(run, on_stale=on_stale))

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after everything read is scored and written."""
        self._stopping.set()
        if self._runner is not None:
            self._runner.stop()

    def reload(self) -> None:
        """Load the model again; any thread may call it, also while the machine is being started."""
        self._reload_asked = True
        if self._runner is not None:
            self._runner.reload()

    def join(self, deadline_s: float) -> bool:
        """Wait for the end, at most until the deadline by `time.monotonic`; return whether it came."""
        self._thread.join(max(0.0, deadline_s - time.monotonic()))
        return not self._thread.is_alive()

    @property
    def is_over(self) -> bool:
        """Whether it will not go on."""
        return not self._thread.is_alive()

    def made_progress(self) -> bool:
        """Return whether it made progress since the last call, or has none to make."""
        if self.phase is Phase.RUNNING:
            was_alive, self._is_alive = self._is_alive, False
            return was_alive
        return self.phase is not Phase.STARTING or time.monotonic() - self._began_s < _LONGEST_START_S

    def ready(self) -> None:
        """See `Supervisor.ready`."""
        self._is_alive = True
        self.phase = Phase.RUNNING

    def alive(self) -> None:
        """See `Supervisor.alive`."""
        self._is_alive = True

    def reloading(self) -> None:
        """See `Supervisor.reloading`: the other machines are not concerned."""

    def reloaded(self) -> None:
        """See `Supervisor.reloaded`."""

    def stopping(self) -> None:
        """See `Supervisor.stopping`."""

    def _tell(self, message: str) -> None:
        self._say(f"{self.machine.name}: {message}")

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.phase, self._began_s = Phase.STARTING, time.monotonic()
            try:
                self._run_once()
            except Exception as error:  # noqa: BLE001 - whatever one machine's parts raise, the others go on
                if self._gives_up(error):
                    self.phase = Phase.GIVEN_UP
                    return
                self._wait()
            else:
                break
        self.phase, self.reason = Phase.ENDED, "Its readings have ended."

    def _run_once(self) -> None:
        self._runner, self._reload_asked = None, False
        runner = assembled(self._settings, self._tell, Membership(self.machine.name, self, self.restarts))
        self._runner = runner
        if self._stopping.is_set():  # `stop` may have come before there was a runner
            runner.stop()
        if self._reload_asked:
            runner.reload()
        try:
            runner.run()
        finally:
            self._tell(runner.summary())

    def _gives_up(self, error: Exception) -> bool:
        """Report a failure; return whether another start cannot help."""
        is_stale = isinstance(error, SourceStaleError)
        is_hopeless = isinstance(error, (UsageError, MissingExtraError))
        is_recording = self._runner is not None and not self._runner.is_live
        gives_up = is_hopeless or is_recording or (is_stale and not self._restarts_when_stale)
        if time.monotonic() - self._began_s > LONGEST_PAUSE_S:
            self._pause_s = FIRST_PAUSE_S
        what = str(error) or type(error).__name__
        then = "It is given up." if gives_up else f"Trying again in {math.ceil(self._pause_s)} s."
        self.reason = f"{what} {then}"
        self._tell(f"{self.reason} The other machines continue.")
        return gives_up

    def _wait(self) -> None:
        self.phase = Phase.WAITING
        self._stopping.wait(self._pause_s)
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        self.restarts += 1
