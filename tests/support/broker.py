"""A real mosquitto on a free port, and what was published there."""

import shutil
import socket
import subprocess
import time
from contextlib import closing, contextmanager, suppress

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")


def free_port():
    """Return a port nobody listens on."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextmanager
def mosquitto(folder, port=None, options=()):
    """Run a broker on localhost; yield its port."""
    port = port or free_port()
    config = folder / f"mosquitto-{port}.conf"
    config.write_text("\n".join([f"listener {port} 127.0.0.1", *(options or ["allow_anonymous true"])]) + "\n")
    process = subprocess.Popen([MOSQUITTO, "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def retained(port, topic, count, *, options=()):
    """Return ``{topic: payload}`` of `count` messages, as mosquitto_sub shows them."""
    command = ["mosquitto_sub", "-p", str(port), "-t", topic, "-C", str(count), "-W", "20", "-F", "%t %p", *options]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    return dict(line.split(" ", 1) for line in lines)
