"""Removing what no device can need any more: files that only old indexes name, and those indexes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence

from edge_runtime.registry.index import Index, index_name, model_name, parse_index
from saelite.publishing.publish_settings import PublishSettings
from saelite.publishing.registry_store import Store

KEPT_INDEXES = 10
KEPT_S = 30 * 86_400.0
"""A device that looked so long ago may still be about to fetch what it saw."""
_BATCH = 100


def prune(store: Store, find_newest: Callable[[], Index], settings: PublishSettings) -> int:
    """Remove old indexes and the model files that they alone name; return how many model files.

    Kept are the last `KEPT_INDEXES` indexes and all that were the newest within the last `KEPT_S`, with every file that
    they name. A file that no index names stays as well: somebody may be about to publish it. Files go before the index
    that names them, so whoever is killed in between leaves the rest to the next.

    Parameters
    ----------
    store : Store
    find_newest : callable
        Reads the newest index of `store`.
    settings : PublishSettings
    """
    newest, kept, old = find_newest(), set[str](), list[Index]()
    since_s, replaced_s = time.time() - KEPT_S, math.inf
    for index in _backwards(store, newest, settings):
        if newest.version - index.version < KEPT_INDEXES or replaced_s > since_s:
            kept |= _models_of(index)
        else:
            old.append(index)
        replaced_s = index.published_s
    named: set[str] = set().union(*map(_models_of, old))
    gone = sorted((named - kept) & store.names("models"))
    removed = sum(_removed(store, gone[start : start + _BATCH], find_newest) for start in range(0, len(gone), _BATCH))
    store.remove([index_name(index.version) for index in reversed(old)])
    return removed


def _removed(store: Store, names: Sequence[str], find_newest: Callable[[], Index]) -> int:
    """Remove model files and return how many; one that somebody publishes again meanwhile is put back."""
    content = {name: store.read(name) for name in names}
    store.remove(names)
    wanted = _models_of(find_newest())
    again = {name: file for name, file in content.items() if file is not None and name in wanted}
    if again:
        store.write(again)
    return len(names) - len(again)


def _backwards(store: Store, newest: Index, settings: PublishSettings) -> Iterator[Index]:
    """Yield the indexes that are there, the newest first."""
    yield newest
    there = store.names("indexes")
    for version in range(newest.version - 1, 0, -1):
        content = store.read(index_name(version)) if index_name(version) in there else None
        if content is not None:
            yield parse_index(content, settings.keys, f"index {version} of {store.place}")


def _models_of(index: Index) -> set[str]:
    return {model_name(release.sha256) for entry in index.assets for release in entry.releases}
