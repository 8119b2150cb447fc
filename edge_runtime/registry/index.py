"""The index of a registry: which models each asset may run. One file, signed by the maker.

===============================  =======================================================================
file                             content
===============================  =======================================================================
``index.signed``                 the newest index
``indexes/0000000042.signed``    every index there was, by version: writing one claims its version
``models/SHA256.tflite``         model files, named by their own SHA-256
===============================  =======================================================================

An index is a line of text, ``saelite registry 1 SIGNATURE``, the signature in hexadecimal digits, and JSON after it.
The signature covers every byte of the JSON and is checked before any of them is parsed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from edge_runtime.common.asset_names import folder_of
from edge_runtime.errors import RegistryError, UsageError
from edge_runtime.model_file.checking.leaves import between, check_leaves, expect
from edge_runtime.model_file.json_codec import DecodeError, from_json, to_json
from edge_runtime.model_file.signature import SIGNATURE_BYTES, sign, verify

SCHEMA = 1
INDEX_NAME = "index.signed"
_MAGIC = b"saelite registry 1 "
_HEAD_BYTES = len(_MAGIC) + 2 * SIGNATURE_BYTES + 1
_CONTEXT = b"saelite registry index\n"
"""Part of what is signed: a signature of a model file can never pass for one of an index."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MOST_RELEASES = 8
_LATEST_S = 253_402_300_799.0
"""The last second of the year 9999."""


class Release(NamedTuple):
    """A model file that an asset may run.

    Parameters
    ----------
    sha256 : str
        Of the file, hexadecimal; also its name in the registry.
    length : int
        Bytes of the file.
    name, version : str, int
        What the file's manifest must say.
    share : float
        Share of the assets that take it, above 0 and at most 1; see `edge_runtime.registry.choosing`.
    may_be_older : bool
        Whether the maker says that this may follow a higher version.
    """

    sha256: str
    length: int
    name: str
    version: int
    share: float = 1.0
    may_be_older: bool = False


class AssetEntry(NamedTuple):
    """An asset and its releases, the newest first; the first whose share includes the asset counts."""

    asset: str
    releases: tuple[Release, ...]


@dataclass(frozen=True)
class Index:
    """What a registry offers.

    Parameters
    ----------
    schema : int
    version : int
        Rises by one with each index.
    published_s, expires_s : float
        Seconds since the epoch. After its expiry an index changes nothing on a device.
    assets : tuple of AssetEntry
        By name.
    """

    schema: int
    version: int
    published_s: float
    expires_s: float
    assets: tuple[AssetEntry, ...] = ()

    def releases_of(self, asset: str) -> tuple[Release, ...]:
        """Return an asset's releases, the newest first; none if the registry does not know the asset."""
        return self._by_name.get(asset, ())

    @cached_property
    def _by_name(self) -> dict[str, tuple[Release, ...]]:
        return {entry.asset: entry.releases for entry in self.assets}


def model_name(sha256: str) -> str:
    """Return a model file's name in a registry.

    >>> model_name("0" * 64)[:12]
    'models/00000'
    """
    return f"models/{sha256}.tflite"


def index_name(version: int) -> str:
    """Return the name under which an index of a version is kept.

    >>> index_name(42)
    'indexes/0000000042.signed'
    """
    return f"indexes/{version:010}.signed"


def signed(index: Index, private_key: Path) -> bytes:
    """Return an index as a signed file; the same index and key give the same bytes."""
    text = json.dumps(to_json(index), separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode() + b"\n"
    return _MAGIC + sign(_CONTEXT + text, private_key).hex().encode() + b"\n" + text


def parse_index(content: bytes, trusted_keys: Sequence[Path], what: object) -> Index:
    """Return the index in a signed file, the signature checked first and every value after it.

    Parameters
    ----------
    content : bytes
    trusted_keys : sequence of Path
        Public keys of which one must have signed.
    what : object
        Where it comes from, for messages.

    Raises
    ------
    RegistryError
        If it is no index, of another schema, or holds invalid values.
    IntegrityError
        If none of the keys signed it, or it was changed since.
    """
    head, text = content[:_HEAD_BYTES], content[_HEAD_BYTES:]
    verify(_CONTEXT + text, _signature(head, what), trusted_keys, what)
    try:
        index = from_json(Index, json.loads(text))
        _check(index)
    except (ValueError, RecursionError) as error:  # of text, JSON and types, and of integers of 5,000 digits
        raise RegistryError(f"{what} is not the index of a registry ({error!s:.200}). Publish it again.") from error
    return index


def digest(content: bytes) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _signature(head: bytes, what: object) -> bytes:
    try:
        signature = bytes.fromhex(head[len(_MAGIC) : -1].decode("ascii"))
    except ValueError:
        signature = b""
    if head != _MAGIC + signature.hex().encode() + b"\n" or len(signature) != SIGNATURE_BYTES:
        raise RegistryError(
            f"{what} is not the index of a registry: expected a first line {_MAGIC.decode()!r} and a signature. "
            f"Received: {head[:40]!r}. Check the address."
        )
    return signature


def _check(index: Index) -> None:
    expect(f"{SCHEMA}", index.schema, "schema", when=index.schema == SCHEMA)
    check_leaves(index)
    expect("1 or more", index.version, "version", when=index.version >= 1)
    lasts = 0 <= index.published_s <= index.expires_s <= _LATEST_S
    expect("a time after published_s", index.expires_s, "expires_s", when=lasts)
    for number, entry in enumerate(index.assets):
        try:
            _check_entry(entry)
        except DecodeError as error:
            raise error.inside(f"assets[{number}]") from None
    names = {entry.asset for entry in index.assets}
    expect("each asset once", len(index.assets), "assets", when=len(names) == len(index.assets))


def _check_entry(entry: AssetEntry) -> None:
    try:
        folder_of(entry.asset)
    except UsageError as error:
        raise DecodeError(str(error), "asset") from None
    between(1, _MOST_RELEASES, len(entry.releases), "releases")
    for release in entry.releases:
        expect("64 hexadecimal digits", release.sha256, "sha256", when=bool(_SHA256.fullmatch(release.sha256)))
        expect("1 or more", release.length, "length", when=release.length >= 1)
        expect("0 or more", release.version, "version", when=release.version >= 0)
        expect("above 0 and at most 1", release.share, "share", when=0 < release.share <= 1)
