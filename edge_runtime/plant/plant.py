"""All machines of a plant, until they end or a signal arrives."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from edge_runtime.errors import MachineError, MissingExtraError, OutputError, UsageError
from edge_runtime.plant.machine_watch import MachineWatch, Phase
from edge_runtime.plant.plant_file import PlantSettings
from edge_runtime.running.assembly import pages_of
from edge_runtime.running.every import Every
from edge_runtime.running.sd_notify import notify, watchdog_period_s
from edge_runtime.running.signals import listen_to_signals

if TYPE_CHECKING:  # an extra comes with it
    from edge_runtime.page.place import Place

_LOOK_S = 0.5
_STATUS_S = 10.0
_START_S = 30.0
_END_S = 20.0


class Plant:
    """Watches several machines in one process, each in its own thread.

    SIGTERM and SIGINT end them all after everything read is scored and written; SIGHUP reloads every model. A machine
    that fails is started again without disturbing the others. systemd's watchdog is fed while every machine makes
    progress.

    Parameters
    ----------
    settings : PlantSettings
    tell : callable
        Prints one line.
    """

    def __init__(self, settings: PlantSettings, tell: Callable[[str], None]) -> None:
        self._settings = settings
        self._places: list[tuple[MachineWatch, Place]] = []
        self._tell: Callable[[str], None] = lambda message: tell(settings.secrets.hidden(message))
        self.watches = tuple(MachineWatch(machine, self._tell) for machine in settings.machines)
        # A plain flag: a signal may come while this very thread holds an event's lock.
        self._stopping = False
        self._watchdog, self._status = Every(watchdog_period_s()), Every(_STATUS_S)
        self._is_ready = False

    def run(self) -> None:
        """Run to the end.

        Raises
        ------
        MachineError
            If some machines were given up.
        """
        listen_to_signals(self.stop, self._reload)
        with ExitStack() as opened:
            # Before the machines: one that cannot start has a place on its page as well.
            self._places = list(self._held())
            for _, place in self._places:
                opened.callback(place.close)
            self._watch()
        self._raise_given_up()

    def stop(self) -> None:
        """End all machines; any thread may call it."""
        self._stopping = True

    def states(self) -> dict[str, Phase]:
        """Return what each machine is doing."""
        return {watch.machine.name: watch.phase for watch in self.watches}

    def _watch(self) -> None:
        for watch in self.watches:
            watch.start()
        ready_s = time.monotonic() + _START_S
        while not self._stopping and not all(watch.is_over for watch in self.watches):
            self._look(ready_s)
            time.sleep(_LOOK_S)
        notify("STOPPING=1")
        self._end()

    def _held(self) -> Iterator[tuple[MachineWatch, Place]]:
        """Yield the places of machines on their pages."""
        for watch in self.watches:
            for spec in pages_of(watch.machine.settings):
                from edge_runtime.page.address import PageAddress
                from edge_runtime.page.place import Place

                # A page that cannot be opened is what the machine itself fails on, and reports.
                with suppress(MissingExtraError, OutputError, UsageError):
                    yield watch, Place(PageAddress.parse(spec), watch.machine.name, self._tell)

    def _look(self, ready_s: float) -> None:
        for watch, place in self._places:
            place.down(self._settings.secrets.hidden(watch.reason))
        phases = Counter(self.states().values())
        if not self._is_ready and (not phases[Phase.STARTING] or time.monotonic() > ready_s):
            self._is_ready = True
            notify("READY=1")
        if self._status.due():
            notify(f"STATUS={phases[Phase.RUNNING]} of {len(self.watches)} machines are watched")
        if self._watchdog.left_s == 0 and self._all_made_progress() and self._watchdog.due():
            notify("WATCHDOG=1")

    def _all_made_progress(self) -> bool:
        # Every machine is asked: a question ends the time that the next one is about.
        progress = [watch.made_progress() for watch in self.watches]
        return all(progress)

    def _end(self) -> None:
        for watch in self.watches:
            watch.stop()
        deadline_s = time.monotonic() + _END_S
        for watch in self.watches:
            if not watch.join(deadline_s):
                self._tell(f"{watch.machine.name}: it did not end in time and is left")

    def _raise_given_up(self) -> None:
        given_up = [name for name, phase in self.states().items() if phase is Phase.GIVEN_UP]
        if given_up:
            raise MachineError(
                f"{len(given_up)} of {len(self.watches)} machines were given up: {', '.join(given_up)}. Each reported "
                "its reason when it failed."
            )

    def _reload(self) -> None:
        for watch in self.watches:
            watch.reload()
