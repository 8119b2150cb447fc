"""Where an InfluxDB is, and how a request to it looks."""

from __future__ import annotations

import base64
import os
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlencode

from edge_runtime.common.secret import secret
from edge_runtime.errors import UsageError

_ADDRESS = re.compile(
    r"(?P<scheme>influxs?)://(?P<host>\[[^\]]+\]|[^:/@?\[\]]+)(?::(?P<port>\d{1,5}))?/(?P<database>[^?/]+)(?:\?(?P<query>.*))?"
)
_OPTIONS = ("org", "rp")


@dataclass(frozen=True)
class InfluxAddress:
    """Server, database and credentials.

    Parameters
    ----------
    host : str
    port : int
    tls : bool
    path : str
        Path and query of a write.
    database : str
    authorization : str
        Header; empty for none.
    """

    host: str
    port: int
    tls: bool
    path: str
    database: str
    authorization: str = field(default="", repr=False)

    @classmethod
    def parse(cls, spec: str) -> InfluxAddress:
        """Parse ``influx://HOST[:PORT]/DATABASE[?rp=POLICY]``, or with ``?org=ORG`` a bucket of version 2.

        A token comes from SAELITE_INFLUX_TOKEN, or user and password from SAELITE_INFLUX_USERNAME and _PASSWORD.

        Raises
        ------
        UsageError
            If it has another form, holds a password, or version 2 has no token.

        Examples
        --------
        >>> InfluxAddress.parse("influx://db/plant").path
        '/write?db=plant&precision=ns'
        """
        if "@" in spec.partition("?")[0]:
            raise UsageError(
                "an InfluxDB address must not contain a user name, password or token: every process list shows it. "
                "Set SAELITE_INFLUX_TOKEN, or SAELITE_INFLUX_USERNAME and SAELITE_INFLUX_PASSWORD; each also as _FILE."
            )
        match = _ADDRESS.fullmatch(spec)
        options = dict(parse_qsl(match["query"] or "", keep_blank_values=True)) if match else {}
        if match is None or set(options) - set(_OPTIONS) or int(match["port"] or 1) > 65_535:
            raise UsageError(
                "--sink: expected influx://HOST[:PORT]/DATABASE with options org (version 2) or rp, influx:PATH or "
                f"influx:-. Received: {spec!r}"
            )
        authorization = _authorization()
        if "org" in options and not authorization:
            raise UsageError("InfluxDB 2 needs a token. Set SAELITE_INFLUX_TOKEN, or SAELITE_INFLUX_TOKEN_FILE.")
        tls = match["scheme"] == "influxs"
        path = _path(match["database"], options)
        return cls(match["host"].strip("[]"), int(match["port"] or 8086), tls, path, match["database"], authorization)

    @property
    def name(self) -> str:
        """The address without credentials."""
        return f"influx{'s' if self.tls else ''}://{self.host}:{self.port}/{self.database}"


def _path(database: str, options: dict[str, str]) -> str:
    place = {"bucket": database, "org": options["org"]} if "org" in options else {"db": database}
    policy = {"rp": options["rp"]} if "rp" in options else {}
    version = "/api/v2/write" if "org" in options else "/write"
    return f"{version}?{urlencode({**place, **policy, 'precision': 'ns'}, quote_via=quote)}"


def _authorization() -> str:
    token = secret("SAELITE_INFLUX_TOKEN")
    if token:
        return f"Token {token}"
    user = os.environ.get("SAELITE_INFLUX_USERNAME")
    if not user:
        return ""
    pair = f"{user}:{secret('SAELITE_INFLUX_PASSWORD') or ''}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
