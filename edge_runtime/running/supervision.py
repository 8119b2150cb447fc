"""Who watches that a runner makes progress: systemd, or the plant that runs several."""

from __future__ import annotations

import time
from typing import Protocol

from edge_runtime.running.every import Every
from edge_runtime.running.sd_notify import notify, watchdog_period_s


class Supervisor(Protocol):
    """Told of the life of a runner."""

    def ready(self) -> None:
        """Note that readings are taken from now on."""

    def alive(self) -> None:
        """Note that the loop has made a round, and that the stream need not be restarted."""

    def reloading(self) -> None:
        """Note that a new model is on trial."""

    def reloaded(self) -> None:
        """Note that the trial is over."""

    def stopping(self) -> None:
        """Note that the end has begun."""


class Systemd:
    """Tells systemd of a process with one runner, and feeds its watchdog."""

    def __init__(self) -> None:
        self._watchdog = Every(watchdog_period_s())

    def ready(self) -> None:
        """See `Supervisor.ready`."""
        notify("READY=1")

    def alive(self) -> None:
        """See `Supervisor.alive`."""
        if self._watchdog.due():
            notify("WATCHDOG=1")

    def reloading(self) -> None:
        """See `Supervisor.reloading`."""
        notify("RELOADING=1\nMONOTONIC_USEC=" + str(time.monotonic_ns() // 1000))

    def reloaded(self) -> None:
        """See `Supervisor.reloaded`."""
        notify("READY=1")

    def stopping(self) -> None:
        """See `Supervisor.stopping`."""
        notify("STOPPING=1")
