"""Staged roll-outs: which of its releases an asset takes.

A hash of the asset's name and of the release gives the asset a place from 0 to 1; a release reaches the assets whose
place is below its share. A larger share therefore includes a smaller one, and each release begins with other assets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from edge_runtime.registry.index import Release


def place_in_rollout(asset: str, sha256: str) -> float:
    """Return an asset's place in the roll-out of a release, from 0 to below 1.

    Parameters
    ----------
    asset : str
    sha256 : str
        Of the release, hexadecimal.

    Examples
    --------
    >>> place_in_rollout("pump7", "0" * 64).__round__(4)
    0.2181
    """
    hashed = hashlib.sha256(f"{sha256}\n{asset}".encode()).digest()
    return int.from_bytes(hashed[:6], "big") / 2**48


def release_for(asset: str, releases: Sequence[Release]) -> Release | None:
    """Return the first release whose share includes the asset; None if there is none.

    Parameters
    ----------
    asset : str
    releases : sequence of Release
        The newest first.
    """
    return next((one for one in releases if place_in_rollout(asset, one.sha256) < one.share), None)
