"""Real servers of a plant, each in a process of its own, and a serial line of two pseudo-terminals."""

import os
import selectors
import socket
import subprocess
import sys
import threading
import time
import tty
from contextlib import contextmanager, suppress
from pathlib import Path

PATIENCE_S = 30
SUPPORT = Path(__file__).parent


@contextmanager
def server(script, *arguments, **options):
    """Run a script of this folder; yield the process."""
    command = [sys.executable, SUPPORT / script, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def until_listening(port):
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nobody listens on {port}")


@contextmanager
def serial_line():
    """Yield the names of two devices: what is written to one can be read from the other."""
    ends = [os.openpty() for _ in range(2)]
    for ours, theirs in ends:
        tty.setraw(theirs)
        os.set_blocking(ours, False)
    stop = threading.Event()

    def carry():
        with selectors.DefaultSelector() as ready:
            for (ours, _), (other, _) in zip(ends, ends[::-1], strict=True):
                ready.register(ours, selectors.EVENT_READ, other)
            while not stop.is_set():
                for key, _ in ready.select(0.05):
                    with suppress(OSError):
                        os.write(key.data, os.read(key.fd, 4096))

    carrier = threading.Thread(target=carry)
    carrier.start()
    try:
        yield [os.ttyname(theirs) for _, theirs in ends]
    finally:
        stop.set()
        carrier.join()
        for end in ends:
            for descriptor in end:
                os.close(descriptor)
