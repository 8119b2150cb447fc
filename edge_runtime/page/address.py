"""Where the page is served: ``web[:[HOST:]PORT]``."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from edge_runtime.errors import UsageError

HOST, PORT = "127.0.0.1", 8090
_FORM = re.compile(r"web(?::(?:(?P<host>\[[^\]]+\]|[^:]+):)?(?P<port>\d+))?")


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
        match = _FORM.fullmatch(spec)
        port = int(match["port"] or PORT) if match else -1
        if match is None or not 0 <= port <= 65_535:
            raise UsageError(f"--sink: expected web[:[HOST:]PORT], with a port up to 65535. Received: {spec!r}")
        return cls((match["host"] or HOST).strip("[]"), port)

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
