"""Who may see the page: the token once, then a cookie that proves it.

The cookie holds its own end and a keyed hash (HMAC-SHA-256, RFC 2104) of it, so it survives a restart, needs no memory,
and is void as soon as the token changes.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie

LASTS_S = 30 * 86_400


class Access:
    """Checks tokens and cookies, in constant time.

    Parameters
    ----------
    token : str
        Empty: everybody may see the page.
    port : int
        Browsers hold one set of cookies per host, whatever the port.
    clock : callable
        Returns seconds since the epoch.

    Examples
    --------
    >>> access = Access("correct horse battery", 8090)
    >>> access.is_token("battery staple"), access.allows("", "Bearer correct horse battery")
    (False, True)
    >>> access.allows(access.cookie(is_encrypted=False).partition(";")[0], "")
    True
    """

    def __init__(self, token: str, port: int, clock: Callable[[], float] = time.time) -> None:
        self._token, self._clock = token.encode(), clock
        self._name = f"saelite_{port}"
        self._key = hashlib.sha256(b"saelite page " + self._token).digest()

    @property
    def is_open(self) -> bool:
        """Whether no token is demanded."""
        return not self._token

    def is_token(self, received: str) -> bool:
        """Return whether this is the token."""
        return hmac.compare_digest(received.encode("utf-8", "replace"), self._token)

    def cookie(self, *, is_encrypted: bool) -> str:
        """Return the cookie for somebody who knew the token, as a Set-Cookie header."""
        until = str(int(self._clock()) + LASTS_S)
        secure = "; Secure" if is_encrypted else ""
        return (
            f"{self._name}={until}.{self._proof(until)}; Max-Age={LASTS_S}; Path=/; HttpOnly; SameSite=Strict{secure}"
        )

    @property
    def no_cookie(self) -> str:
        """The Set-Cookie header that removes the cookie."""
        return f"{self._name}=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict"

    def allows(self, cookies: str, authorization: str) -> bool:
        """Return whether a request with these headers may see the page."""
        if self.is_open:
            return True
        scheme, _, received = authorization.partition(" ")
        if scheme.lower() == "bearer":
            return self.is_token(received)
        return self._is_valid(_value(cookies, self._name))

    def _is_valid(self, cookie: str) -> bool:
        until, _, proof = cookie.partition(".")
        is_proof = hmac.compare_digest(proof.encode("utf-8", "replace"), self._proof(until).encode())
        return is_proof and until.isascii() and until.isdigit() and int(until) > self._clock()

    def _proof(self, until: str) -> str:
        return hmac.new(self._key, until.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def _value(cookies: str, name: str) -> str:
    try:
        found = SimpleCookie(cookies).get(name)
    except CookieError:
        return ""
    return found.value if found else ""
