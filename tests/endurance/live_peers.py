"""What a live stream has around it in `live_chaos`: a broker that can be stopped, a peer that never acknowledges."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

from broker import MOSQUITTO, free_port

_PATIENCE_S = 20.0
_CONNECTED = b"\x20\x02\x00\x00"


class Broker:
    """A real mosquitto on a port of its own, started."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        self._config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        self.start()

    def start(self) -> None:
        """Start it, and wait until it listens.

        Raises
        ------
        TimeoutError
            If it does not.
        """
        self._process = subprocess.Popen([str(MOSQUITTO), "-c", str(self._config)], stderr=subprocess.DEVNULL)
        end_s = time.monotonic() + _PATIENCE_S
        while time.monotonic() < end_s:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        raise TimeoutError("mosquitto does not listen")

    def kill(self) -> None:
        """End it as a power cut would."""
        self.resume()
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        """Let it hang."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)


class DeafPeer:
    """A TCP peer that takes everything; it greets as a broker would, or not even that, and acknowledges nothing."""

    def __init__(self, *, greets: bool) -> None:
        self._greets = greets
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._hear, args=(self._listener.accept()[0],), daemon=True).start()

    def _hear(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            client.recv(4096)
            if self._greets:
                client.sendall(_CONNECTED)
            while client.recv(1 << 16):
                pass
