"""An OPC UA server in a process of its own: `flow`, `heat`, `running` and a text; lines on standard input change them.

Run with ``URL [CERTIFICATE KEY]``. A line is ``flow 3.5``, or ``flow bad`` for bad quality. With a certificate only
encrypted sessions of the user ``watch`` with the password ``plant-secret`` are let in.
"""

import asyncio
import logging
import sys

from asyncua import Server, ua
from asyncua.crypto.permission_rules import User, UserRole

NAMESPACE = "urn:saelite:test"
USER, PASSWORD = "watch", "plant-secret"
logging.getLogger("asyncua").addHandler(logging.NullHandler())
logging.getLogger("asyncua").propagate = False


class OneUser:
    def get_user(self, _server, username=None, password=None, certificate=None):  # noqa: ARG002
        return User(role=UserRole.User) if (username, password) == (USER, PASSWORD) else None


async def serve(url, certificate=None, key=None):
    server = Server(user_manager=OneUser() if certificate else None)
    await server.init()
    server.set_endpoint(url)
    if certificate:
        await server.load_certificate(certificate)
        await server.load_private_key(key)
        server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
        server.set_identity_tokens([ua.UserNameIdentityToken])
    space = await server.register_namespace(NAMESPACE)
    values = {"flow": 1.5, "heat": 20.0, "running": True, "text": "wet"}
    nodes = {
        name: await server.nodes.objects.add_variable(ua.NodeId(f"Pump.{name}", space), name, value)
        for name, value in values.items()
    }
    async with server:
        print("ready", flush=True)
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            name, word = line.split()
            if word == "bad":
                broken = ua.StatusCode(ua.StatusCodes.BadSensorFailure)
                await nodes[name].write_value(ua.DataValue(ua.Variant(None), broken))
            else:
                await nodes[name].write_value(float(word))


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
