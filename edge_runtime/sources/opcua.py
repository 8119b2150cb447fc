"""Readings from an OPC UA server: a subscription keeps the newest values, a reading is made of them at a fixed rate.

A server reports changes only, so a value holds until the next one or until its quality is bad.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from edge_runtime.errors import UsageError, missing_extra
from edge_runtime.sources.opcua_security import OpcUaSecurity
from edge_runtime.sources.paced import paced
from edge_runtime.sources.reading import Reading

_GOODBYE_S = 2.0


class OpcUaServer:
    """Nodes of a server as readings; each iteration connects anew.

    A node that the server refuses gives missing values and is reported once.

    Parameters
    ----------
    url : str
        ``opc.tcp://HOST[:PORT][/PATH]``.
    nodes : mapping of str to str
        Node by sensor, such as ``ns=2;s=Pump.Flow`` or ``nsu=urn:plant;i=7``.
    rate_hz : float
        Readings per second.
    timeout_s : float
        Of one request.
    security : OpcUaSecurity
    tell : callable
        Called with a one-line message when something happens.

    Raises
    ------
    MissingExtraError
        If asyncua is not installed.
    UsageError
        If a node has another form.
    """

    def __init__(  # noqa: PLR0913 - the server and how to reach it
        self,
        url: str,
        nodes: Mapping[str, str],
        rate_hz: float,
        timeout_s: float,
        security: OpcUaSecurity,
        tell: Callable[[str], None],
    ) -> None:
        try:
            from asyncua import ua
        except ImportError as error:
            raise missing_extra("asyncua", "opcua", "an OPC UA source") from error
        # It logs every lost connection with a traceback; what matters is told.
        logging.getLogger("asyncua").addHandler(logging.NullHandler())
        logging.getLogger("asyncua").propagate = False
        self._url, self._period_s, self._timeout_s = url, 1 / rate_hz, timeout_s
        self._security, self._tell = security, tell
        self._nodes = {name: _node_id(ua, text) for name, text in nodes.items()}
        self._refused: set[str] = set()
        if security.is_in_the_clear:
            tell(f"{url}: the password may cross the network unencrypted. Set SAELITE_OPCUA_SECURITY=Basic256Sha256")

    def __iter__(self) -> Iterator[Reading]:
        loop = asyncio.new_event_loop()
        session = _Session(self._nodes)
        try:
            loop.run_until_complete(session.open(self._url, self._timeout_s, self._period_s, self._security))
            self._tell_refused(session.refused)
            for wait_s in paced(self._period_s):
                # The loop runs while this waits, which is nearly always.
                loop.run_until_complete(asyncio.sleep(wait_s))
                session.check()
                if session.has_values:
                    yield Reading(time.time(), dict(session.values))
        finally:
            loop.run_until_complete(session.close())
            loop.close()

    def _tell_refused(self, refused: Mapping[str, str]) -> None:
        for name, reason in refused.items():
            if name not in self._refused:
                self._tell(f"{self._url}: the server refuses the node of {name!r} ({reason}); it is missing")
        self._refused = set(refused)


class _Session:
    """One connection, and the newest values that came over it."""

    def __init__(self, nodes: Mapping[str, Any]) -> None:
        self._nodes = nodes
        self._names: dict[Any, list[str]] = {}
        self._client: Any = None
        self._lost: BaseException | None = None
        self.values = dict.fromkeys(nodes, math.nan)
        self.refused: dict[str, str] = {}
        self.has_values = False

    async def open(self, url: str, timeout_s: float, period_s: float, security: OpcUaSecurity) -> None:
        """Connect and subscribe."""
        from asyncua.client.client import Client

        self._client = Client(url, timeout=timeout_s, watchdog_intervall=timeout_s)
        await security.apply_to(self._client)
        await self._client.connect()
        self._client.connection_lost_callback = self._on_lost
        subscription = await self._client.create_subscription(1e3 * period_s, self)
        for name, node_id in self._nodes.items():
            self._names.setdefault(await self._resolved(node_id), []).append(name)
        items = [self._client.get_node(node_id) for node_id in self._names]
        answers = await subscription.subscribe_data_change(items, sampling_interval=1e3 * period_s)
        for names, answer in zip(self._names.values(), answers, strict=True):
            if not isinstance(answer, int):
                self.refused |= dict.fromkeys(names, answer.name)
        if len(self.refused) == len(self._nodes):
            raise ConnectionError(f"the server refuses every node: {', '.join(sorted(set(self.refused.values())))}")

    def check(self) -> None:
        """Raise if the connection is lost."""
        if self._lost is not None:
            raise ConnectionError(str(self._lost) or type(self._lost).__name__) from self._lost

    async def close(self) -> None:
        """Say goodbye, and end the connection and every task of it."""
        if self._client is not None:
            transport = getattr(getattr(self._client.uaclient, "protocol", None), "transport", None)
            with suppress(Exception):
                await asyncio.wait_for(self._client.disconnect(), _GOODBYE_S)
            if transport is not None:
                # A server that hangs takes no goodbye, and its socket would stay open with what it did not take.
                transport.abort()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # Sockets are closed by the loop, a turn later.
        await asyncio.sleep(0)

    def datachange_notification(self, node: Any, _value: Any, data: Any) -> None:
        """Take a value; asyncua calls it."""
        item = data.monitored_item.Value
        value = _number(item.Value.Value) if item.Value is not None and not item.StatusCode.is_bad() else math.nan
        self.values.update(dict.fromkeys(self._names.get(node.nodeid, ()), value))
        self.has_values = True

    def status_change_notification(self, status: Any) -> None:
        """Take the end of the subscription; asyncua calls it."""
        # A lost connection ends the subscription too: the first reason counts.
        if status.Status.is_bad() and self._lost is None:
            self._lost = ConnectionError(f"subscription ended: {status.Status.name}")

    async def _on_lost(self, error: Exception) -> None:
        self._lost = error

    async def _resolved(self, node_id: Any) -> Any:
        """Return a node whose namespace is a number: a URI's may change when the server restarts."""
        from asyncua import ua

        uri = getattr(node_id, "NamespaceUri", None)
        if not uri:
            return node_id
        return ua.NodeId(node_id.Identifier, await self._client.get_namespace_index(uri))


def _node_id(ua: Any, text: str) -> Any:
    try:
        return ua.NodeId.from_string(text)
    except ua.UaError as error:
        raise UsageError(
            "OPC UA: expected a node such as ns=2;s=Pump.Flow, ns=2;i=7 or nsu=urn:plant;s=Pump.Flow. "
            f"Received: {text!r:.80}"
        ) from error


def _number(value: Any) -> float:
    """Return a node's value; a switch is 0 or 1, and what is not a number is missing."""
    from edge_runtime.sources.source import number

    return float(value) if isinstance(value, bool) else number(value)
