"""The index after some models were published: what it says of other assets stays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from edge_runtime.errors import UsageError
from edge_runtime.registry.index import SCHEMA, AssetEntry, Index, Release

EMPTY = Index(SCHEMA, 0, 0.0, 0.0)


def merged(
    before: Index, new: Mapping[str, Release], now_s: float, expires_s: float, *, allow_downgrade: bool = False
) -> Index | None:
    """Return the next index; None if it would say the same, and the one before lasts for long enough.

    Parameters
    ----------
    before : Index
    new : mapping of str to Release
        By asset.
    now_s : float
        Seconds since the epoch.
    expires_s : float
        Time until the next index expires.
    allow_downgrade : bool
        Whether devices may take a lower version.

    Raises
    ------
    UsageError
        If a version is lower than the one before, and that is not allowed.
    """
    assets = {entry.asset: entry.releases for entry in before.assets}
    for asset, release in new.items():
        assets[asset] = releases_after(asset, assets.get(asset, ()), release, allow_downgrade=allow_downgrade)
    entries = tuple(AssetEntry(asset, releases) for asset, releases in sorted(assets.items()))
    if entries == before.assets and before.expires_s - now_s >= expires_s / 2:
        return None
    published_s = float(math.floor(now_s))
    return replace(
        EMPTY, version=before.version + 1, published_s=published_s, expires_s=published_s + expires_s, assets=entries
    )


def releases_after(
    asset: str, before: tuple[Release, ...], new: Release, *, allow_downgrade: bool = False
) -> tuple[Release, ...]:
    """Return an asset's releases with a new one first, and behind it, while its share is small, what all others run.

    >>> old, new = Release("0" * 64, 9, "pump", 1), Release("1" * 64, 9, "pump", 2, share=0.05)
    >>> [one.share for one in releases_after("pump7", (old,), new)]
    [0.05, 1.0]
    >>> [one.version for one in releases_after("pump7", (new, old), new._replace(share=1.0))]
    [2]
    """
    full = next((one for one in before if one.share == 1), None)
    if full is not None and full.sha256 == new.sha256 and (len(before) == 1 or new.share < 1):
        return before
    highest = max((one.version for one in before), default=0)
    if new.version < highest and not allow_downgrade:
        raise UsageError(
            f"{asset!r:.80}: version {new.version} would follow {highest}. Expected {highest} or more. Export it with "
            "a higher --model-version, or use --allow-downgrade to take a release back."
        )
    new = new._replace(may_be_older=new.version < highest)
    return (new,) if full is None or new.share == 1 else (new, full)
