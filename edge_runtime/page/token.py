"""The token that the page demands: from the environment, never from the command line or an address."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from edge_runtime.errors import UsageError
from edge_runtime.page.address import PageAddress

LEAST_CHARACTERS = 16


def token_for(address: PageAddress, environment: Mapping[str, str] = os.environ) -> str:
    """Return the token, or an empty text where none is needed.

    It is the value of SAELITE_WEB_TOKEN, or the content of the file SAELITE_WEB_TOKEN_FILE.

    Raises
    ------
    UsageError
        If other computers can reach the address and there is no token, or the token is short or unreadable.
    """
    token = _read(environment)
    if not token and not address.is_local:
        raise UsageError(
            f"the page on {address.host} can be reached from other computers, and has no token. Expected "
            "SAELITE_WEB_TOKEN, or a file SAELITE_WEB_TOKEN_FILE. Received: neither. Set one (for example: openssl "
            "rand -hex 16), or use 127.0.0.1."
        )
    if token and len(token) < LEAST_CHARACTERS:
        raise UsageError(
            f"the token of the page can be guessed. Expected at least {LEAST_CHARACTERS} characters. "
            f"Received: {len(token)}. Make one, for example: openssl rand -hex 16"
        )
    return token


def _read(environment: Mapping[str, str]) -> str:
    path = environment.get("SAELITE_WEB_TOKEN_FILE")
    if not path:
        return environment.get("SAELITE_WEB_TOKEN", "").strip()
    try:
        token = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot read SAELITE_WEB_TOKEN_FILE={path}: {error}. Expected a readable text file."
        ) from error
    if not token:
        raise UsageError(f"SAELITE_WEB_TOKEN_FILE={path} is empty. Expected at least {LEAST_CHARACTERS} characters.")
    return token
