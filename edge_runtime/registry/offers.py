"""What a registry offers to one asset: the index read, verified and compared with what was seen before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_runtime.common.size_limits import limit
from edge_runtime.errors import RegistryError
from edge_runtime.registry.choosing import release_for
from edge_runtime.registry.device_state import DeviceState
from edge_runtime.registry.index import INDEX_NAME, Index, Release, digest, model_name, parse_index
from edge_runtime.registry.reader import Reader, WantedFile

_INDEX_S = 120.0
_MODEL_S, _SLOWEST_BYTES_S = 60.0, 8000.0


class Offers:
    """Reads a registry.

    Parameters
    ----------
    reader : Reader
    trusted_keys : sequence of Path
        Public keys of which one must have signed the index.
    """

    def __init__(self, reader: Reader, trusted_keys: Sequence[Path]) -> None:
        self._reader, self._keys = reader, trusted_keys
        self._index: Index | None = None
        self._sha256 = self._tag = ""

    def look(self, state: DeviceState) -> tuple[Index, DeviceState]:
        """Return the index, and the state after it was seen.

        Raises
        ------
        RegistryError, IntegrityError
            If it cannot be read, is not signed by a trusted key, or was replaced by an older one.
        """
        wanted = WantedFile(INDEX_NAME, limit("SAELITE_MAX_INDEX_MB") * 1_000_000, _INDEX_S, self._tag)
        fetched = self._reader.fetch(wanted)
        if fetched is not None:
            index = parse_index(fetched.content, self._keys, f"{self._reader.place} ({INDEX_NAME})")
            sha256 = digest(fetched.content)
            state = state.seeing(index, sha256)
            self._index, self._sha256, self._tag = index, sha256, fetched.tag
        if self._index is None:  # a server that says "not changed" to whom knows nothing
            raise RegistryError(f"{self._reader.place} gives no index. Check the address.")
        return self._index, state.seeing(self._index, self._sha256)

    def fetch(self, release: Release) -> bytes:
        """Return the model file of a release, its length and hash checked.

        Raises
        ------
        RegistryError
            If it cannot be had, or is another file.
        """
        most = min(release.length, limit("SAELITE_MAX_MODEL_MB") * 1_000_000)
        within_s = _MODEL_S + most / _SLOWEST_BYTES_S
        fetched = self._reader.fetch(WantedFile(model_name(release.sha256), most, within_s))
        content = b"" if fetched is None else fetched.content
        if len(content) != release.length or digest(content) != release.sha256:
            raise RegistryError(
                f"{model_name(release.sha256)} of {self._reader.place} is another file: expected {release.length:,} "
                f"bytes with the SHA-256 in its name. Received: {len(content):,} bytes with {digest(content)}. "
                "Publish it again."
            )
        return content


def offered(index: Index, asset: str, place: str) -> Release:
    """Return the release that an asset takes by now.

    Raises
    ------
    RegistryError
        If there is none.
    """
    releases = index.releases_of(asset)
    if not releases:
        raise RegistryError(
            f"{place} has no asset {asset!r:.80}: expected one of its {len(index.assets):,}. Check --asset, or publish "
            "a model for it."
        )
    release = release_for(asset, releases)
    if release is None:
        raise RegistryError(f"{place} offers {asset!r:.80} nothing yet: its roll-out has not come so far.")
    return release
