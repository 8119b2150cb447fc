"""Notify systemd of the service's status over its socket; without a socket nothing happens."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

_PATIENCE_S = 0.5
"""A supervisor that takes nothing, its queue of some ten messages full, must not stop the stream."""


def notify(message: str) -> None:
    """Send ``READY=1``, ``WATCHDOG=1``, ``STATUS=…`` or the like (see ``man sd_notify``)."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    # An address that starts with @ is abstract: not a file, but a name after a null byte.
    address = "\0" + path[1:] if path.startswith("@") else path
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
        connection.settimeout(_PATIENCE_S)
        connection.sendto(message.encode(), address)


def watchdog_period_s() -> float | None:
    """Return the period of ``WATCHDOG=1``, half of systemd's timeout; None without a watchdog."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    meant_for = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    if not microseconds.isdigit() or not int(microseconds) or meant_for != str(os.getpid()):
        return None
    return int(microseconds) / 1e6 / 2
