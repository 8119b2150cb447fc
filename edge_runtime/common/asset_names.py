"""Names of assets as names of folders, ``asset=NAME``, percent-encoded as in a hive-partitioned table.

Any text may name an asset. Its folder never leaves the one that it is made in, whatever the text.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

from edge_runtime.errors import UsageError

_KEY = "asset="
_LONGEST = 255 - len(_KEY)
"""File systems take names of 255 bytes."""


def folder_of(asset: str) -> str:
    """Return the name of an asset's folder.

    Raises
    ------
    UsageError
        If the name is empty, too long for a file system, or no text.

    Examples
    --------
    >>> folder_of("pump7"), folder_of("../hall 2/ü")
    ('asset=pump7', 'asset=..%2Fhall%202%2F%C3%BC')
    """
    try:
        encoded = quote(asset, safe="")
    except UnicodeEncodeError:
        encoded = ""
    if not 0 < len(encoded) <= _LONGEST:
        raise UsageError(
            f"name of an asset: expected 1 to {_LONGEST} characters, each but letters, digits and _.-~ counting three "
            f"or more. Received: {asset!r:.80}"
        )
    return _KEY + encoded


def asset_of(folder: str) -> str:
    """Return the asset that a folder is named after, whoever encoded it.

    Raises
    ------
    UsageError
        If it is not the name of an asset's folder.

    Examples
    --------
    >>> asset_of("asset=..%2Fhall%202"), asset_of("asset=hall 2")
    ('../hall 2', 'hall 2')
    """
    try:
        asset = unquote(folder.removeprefix(_KEY), errors="strict") if folder.startswith(_KEY) else ""
    except UnicodeDecodeError:
        asset = ""
    if not asset:
        raise UsageError(f"expected a folder named asset=NAME, percent-encoded. Received: {folder!r:.80}")
    return asset
