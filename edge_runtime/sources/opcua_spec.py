"""``--source opc.tcp://…``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edge_runtime.errors import UsageError
from edge_runtime.sources.opcua import OpcUaServer
from edge_runtime.sources.opcua_security import OpcUaSecurity
from edge_runtime.sources.points import PointSpec
from edge_runtime.sources.queued import IteratorSource
from edge_runtime.sources.reconnecting import Reconnecting
from edge_runtime.sources.source import Source
from edge_runtime.sources.spec_options import number_option

_PORT = 4840


def open_opcua(spec: str, sensors: Sequence[str], tell: Callable[[str], None]) -> Source:
    """Open an OPC UA source; see `edge_runtime.sources.source_spec.open_source`.

    Raises
    ------
    UsageError
        If an option or a node is invalid, a sensor has no node, or the address holds a password.
    MissingExtraError
        If asyncua is not installed.
    """
    if "@" in spec.partition("?")[0]:
        raise UsageError(
            "an OPC UA address must not contain a user name or password: every process list shows it. "
            "Set SAELITE_OPCUA_USERNAME and SAELITE_OPCUA_PASSWORD, or SAELITE_OPCUA_PASSWORD_FILE."
        )
    parsed = PointSpec.parse(spec, ("rate", "timeout"))
    host, slash, path = parsed.place.partition("/")
    if not host:
        raise UsageError(f"--source: expected opc.tcp://HOST[:PORT][/PATH]?SENSOR=NODE. Received: {spec!r}")
    has_port = ":" in host.rpartition("]")[2]
    url = f"opc.tcp://{host if has_port else f'{host}:{_PORT}'}{slash}{path}"
    rate_hz, timeout_s = (
        number_option(parsed.options, name, default, spec) for name, default in (("rate", 1.0), ("timeout", 4.0))
    )
    security = OpcUaSecurity.from_environment()
    server = OpcUaServer(url, parsed.of(sensors, spec), rate_hz, timeout_s, security, tell)
    return Reconnecting(
        url, lambda: IteratorSource(url, lambda: server, sensors), len(sensors), tell, connects_later=True
    )
