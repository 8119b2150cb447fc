"""Where the page is served: ``web[:[HOST:]PORT]``."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from edge_runtime.errors import UsageError

HOST, PORT = "127.0.0.1", 8090
_FORM = re.compile(r"(?:(?P<host>\[[^\]]+\]|[^:]+):)?(?P<port>\d+)")


@dataclass(frozen=True)
class PageAddress:
    """An address to listen at.

    Parameters
    ----------
    host : str
    port : int
        0 takes a free one.
    """

    host: str = HOST
    port: int = PORT

    @classmethod
    def parse(cls, spec: str) -> PageAddress:
        """Parse ``web``, ``web:PORT`` or ``web:HOST:PORT``.

        Raises
        ------
        UsageError
            If it has another form.

        Examples
        --------
        >>> PageAddress.parse("web"), PageAddress.parse("web:[::]:80")
        (PageAddress(host='127.0.0.1', port=8090), PageAddress(host='::', port=80))
        """
        kind, colon, place = spec.partition(":")
        found = cls.at(place) if colon else cls()
        if kind != "web" or found is None:
            raise UsageError(f"--sink: expected web[:[HOST:]PORT], with a port up to 65535. Received: {spec!r}")
        return found

    @classmethod
    def at(cls, place: str) -> PageAddress | None:
        """Return ``[HOST:]PORT``, or None if it has another form.

        >>> PageAddress.at("0.0.0.0:80"), PageAddress.at("here")
        (PageAddress(host='0.0.0.0', port=80), None)
        """
        match = _FORM.fullmatch(place)
        if match is None or int(match["port"]) > 65_535:
            return None
        return cls((match["host"] or HOST).strip("[]"), int(match["port"]))

    @property
    def is_local(self) -> bool:
        """Whether only this computer can reach it.

        >>> PageAddress("localhost").is_local, PageAddress("0.0.0.0").is_local
        (True, False)
        """
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
