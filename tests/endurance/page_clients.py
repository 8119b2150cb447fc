"""Clients of the live page, in a process of their own: some read all they are sent, some read nothing.

    python tests/endurance/page_clients.py PORT READERS STALLED

Ends with its standard input, and prints how many bytes the readers were sent.
"""

import asyncio
import contextlib
import socket
import sys

REQUEST = b"GET /api/live?machine=%b HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def read_all(port, machine, total):
    """Read the live stream for ever; connect again when it ends."""
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(REQUEST % machine)
            while found := await reader.read(65_536):
                total[0] += len(found)
        await asyncio.sleep(0.2)


def stalled(port, machine):
    """Ask for the live stream, and read nothing of it."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    client.sendall(REQUEST % machine)
    return client


async def main(port, readers, silent, machine):
    """Run until standard input ends."""
    total = [0]
    tasks = [asyncio.create_task(read_all(port, machine, total)) for _ in range(readers)]
    held = [stalled(port, machine) for _ in range(silent)]
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for task in tasks:
        task.cancel()
    for client in held:
        client.close()
    print(total[0])


if __name__ == "__main__":
    port, readers, silent = map(int, sys.argv[1:4])
    asyncio.run(main(port, readers, silent, b"eight"))
