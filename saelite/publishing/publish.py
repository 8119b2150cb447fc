"""Publishing: model files first, then an index that names them, then the index as the newest.

Several may publish at the same time. An index is first written under its version, where none may be yet: whoever comes
second finds that taken, reads it, and puts the new entries into the next. Only then does it become ``index.signed``;
whoever does that late finds the newer one and writes that instead. A publisher that is killed between any two steps
leaves a registry that devices can use, and the next one completes the work.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.errors import OutputError
from edge_runtime.registry.index import INDEX_NAME, Index, Release, index_name, model_name, parse_index, signed
from saelite.publishing.merging import EMPTY, merged
from saelite.publishing.models import ToPublish, models_of, releases_of
from saelite.publishing.pruning import prune
from saelite.publishing.publish_settings import PublishSettings
from saelite.publishing.registry_store import Store, open_store

_TRIES = 20
_BATCH_BYTES = 8 << 20


@dataclass(frozen=True)
class Published:
    """What became of models that were published.

    Parameters
    ----------
    place : str
    version : int
        Of the index now.
    expires_s : float
        When that expires, seconds since the epoch.
    assets, changed : int
        Assets that were to be published, and those of which the index says something else now.
    written : int
        Model files that were not there yet.
    is_new : bool
        Whether there is a new index.
    removed : int
        Model files that were pruned.
    """

    place: str
    version: int
    expires_s: float
    assets: int
    changed: int
    written: int
    is_new: bool
    removed: int = 0


@dataclass(frozen=True)
class _Head:
    """The newest index, as a value and as its file."""

    index: Index
    content: bytes


def publish(source: Path, destination: str, settings: PublishSettings) -> Published:
    """Publish the models of a fleet, or one model file.

    Parameters
    ----------
    source : Path
        A fleet's folder, or a model file.
    destination : str
        A folder, or a URL that fsspec writes to.
    settings : PublishSettings

    Raises
    ------
    UsageError
        If there is nothing to publish, a version is lower than the one before, or a key is not one.
    ModelFileError
        If a file is no model, or is signed by another key.
    OutputError
        If the registry cannot be written, or others publish all the time.
    RegistryError
        If there is something else at the destination.
    """
    models, store = models_of(source, settings.asset), open_store(destination)
    _newest(store, settings)  # a destination that is no registry of ours is told before anything is written
    new, written = _write_models(store, models, settings)
    before, index = _claim(store, new, settings)
    _make_newest(store, settings)
    if {model_name(release.sha256) for release in new.values()} - store.names("models"):
        _write_models(store, models, settings)  # an old release, which somebody has just pruned
    removed = prune(store, lambda: _newest(store, settings).index, settings) if settings.prune else 0
    was, now = (dict(one.assets) for one in (before, index))
    changed = sum(was.get(asset) != now[asset] for asset in new)
    is_new = index.version != before.version
    return Published(store.place, index.version, index.expires_s, len(new), changed, written, is_new, removed)


def _write_models(
    store: Store, models: tuple[ToPublish, ...], settings: PublishSettings
) -> tuple[dict[str, Release], int]:
    there = store.names("models")
    releases: dict[str, Release] = {}
    batch: dict[str, bytes] = {}
    written = 0
    for asset, release, content in releases_of(models, settings):
        releases[asset] = release
        name = model_name(release.sha256)
        if name not in there:
            there.add(name)
            batch[name] = content
            written += 1
        if sum(map(len, batch.values())) >= _BATCH_BYTES:
            store.write(batch)
            batch = {}
    if batch:
        store.write(batch)
    return releases, written


def _claim(store: Store, new: dict[str, Release], settings: PublishSettings) -> tuple[Index, Index]:
    """Write the next index under its version; return the one before and it, or the same twice if nothing is to do."""
    for _ in range(_TRIES):
        head = _newest(store, settings).index
        index = merged(head, new, time.time(), settings.expires_s, allow_downgrade=settings.allow_downgrade)
        if index is None:
            return head, head
        if store.create(index_name(index.version), signed(index, settings.sign)):
            return head, index
    raise OutputError(
        f"{store.place} was changed by others {_TRIES} times while this was published: nothing is lost, and nothing of "
        "this is published. Try again."
    )


def _newest(store: Store, settings: PublishSettings) -> _Head:
    """Return the newest index, also one that has not become ``index.signed`` yet."""
    content = store.read(INDEX_NAME)
    head = _Head(EMPTY, b"") if content is None else _head(store, content, settings)
    while (content := store.read(index_name(head.index.version + 1))) is not None:
        head = _head(store, content, settings)
    return head


def _head(store: Store, content: bytes, settings: PublishSettings) -> _Head:
    return _Head(parse_index(content, settings.keys, f"the index of {store.place}"), content)


def _make_newest(store: Store, settings: PublishSettings) -> None:
    """Bring ``index.signed`` up to the newest index, until no other has come meanwhile."""
    while store.read(INDEX_NAME) != (content := _newest(store, settings).content):
        store.write({INDEX_NAME: content})
