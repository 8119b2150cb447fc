"""Names of assets as folders, the way Hive writes partitions: ``asset=NAME``, percent-encoded."""

from __future__ import annotations

from urllib.parse import unquote

from edge_runtime.errors import UsageError

KEY = "asset"
_ENCODED = frozenset("\"#%'*/:<=>?\\[]^{|}\x7f")
_MOST_BYTES = 255  # of a file's name, on every usual file system


def folder_of(asset: str, key: str = KEY) -> str:
    """Return the folder's name of an asset.

    Parameters
    ----------
    asset : str
    key : str
        What stands before the equals sign.

    Raises
    ------
    UsageError
        If the name is empty, not valid text, or too long for a folder's name.

    Examples
    --------
    >>> folder_of("line 3/pump 7"), asset_of("asset=line 3%2Fpump 7")
    ('asset=line 3%2Fpump 7', 'line 3/pump 7')
    """
    name = "".join(f"%{ord(one):02X}" if one in _ENCODED or ord(one) < 32 else one for one in asset)
    # Some file systems drop blanks and dots at the end.
    if name[-1:] in {" ", "."}:
        name = f"{name[:-1]}%{ord(name[-1]):02X}"
    folder = f"{key}={name}"
    if not name or not _fits(folder):
        raise UsageError(
            f"an asset has no usable name: expected text of 1 to {_MOST_BYTES - len(key) - 1} bytes. "
            f"Received: {asset[:80]!r}. Rename the asset."
        )
    return folder


def asset_of(folder: str, key: str = KEY) -> str | None:
    """Return the asset of a folder's name; None if the folder is not one of an asset.

    >>> asset_of("models") is None
    True
    """
    name, equals, value = folder.partition("=")
    if name != key or not equals or not value:
        return None
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        return None


def _fits(folder: str) -> bool:
    try:
        return len(folder.encode()) <= _MOST_BYTES
    except UnicodeEncodeError:
        return False
