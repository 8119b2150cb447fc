"""`publish --prune` removes what no device can need any more, and nothing else, whoever publishes meanwhile."""

import time

import pytest
from registries import Maker

from edge_runtime.registry.index import INDEX_NAME, index_name
from saelite.publishing import pruning
from saelite.publishing import publish as publishing
from saelite.publishing.registry_store import FolderStore, open_store

DAY_S = 86_400.0


@pytest.fixture
def maker(tmp_path):
    return Maker(tmp_path)


@pytest.fixture
def after(monkeypatch):
    """Let the computer's clock be so many days later."""
    now = time.time()
    return lambda days: monkeypatch.setattr(publishing.time, "time", lambda: now + days * DAY_S)


def versions(maker):
    return sorted(int(path.stem) for path in (maker.registry / "indexes").iterdir())


def files(maker):
    return {path.name for path in (maker.registry / "models").iterdir()}


def named(maker):
    return {f"{release.sha256}.tflite" for entry in maker.index.assets for release in entry.releases}


def publish_many(maker, count, after, days=10.0, **options):
    """Publish a version every few days."""
    for version in range(1, count + 1):
        after(version * days)
        done = maker.publish(version, **options)
    return done


def test_old_files_go_with_the_indexes_that_alone_name_them(maker, after):
    publish_many(maker, 14, after)
    done = maker.publish(14, prune=True)
    assert (done.removed, done.is_new) == (4, False)
    assert versions(maker) == list(range(5, 15))
    assert len(files(maker)) == 10
    assert named(maker) <= files(maker)
    assert maker.publish(14, prune=True).removed == 0


def test_what_was_newest_within_a_month_stays_however_often_something_is_published(maker, after):
    publish_many(maker, 14, after, days=0.1)
    assert maker.publish(14, prune=True).removed == 0
    assert versions(maker) == list(range(1, 15))
    after(1.4 + 31.0)
    assert maker.publish(14, prune=True).removed == 5  # the index is renewed: it is the fifteenth
    assert versions(maker) == list(range(6, 16))


def test_file_that_a_kept_index_names_and_one_that_none_does_stay(maker, after):
    maker.publish(1, asset="other")
    (maker.registry / "models" / ("0" * 64 + ".tflite")).write_bytes(b"about to be published")
    publish_many(maker, 13, after)
    kept = named(maker) | {"0" * 64 + ".tflite"}
    maker.publish(13, prune=True)
    assert kept <= files(maker)


def test_killed_between_files_and_indexes_the_next_one_goes_on(maker, after, monkeypatch):
    publish_many(maker, 14, after)
    remove = FolderStore.remove

    def remove_files_alone(store, names):
        if any(name.startswith("indexes/") for name in names):
            raise KeyboardInterrupt
        remove(store, names)

    monkeypatch.setattr(FolderStore, "remove", remove_files_alone)
    with pytest.raises(KeyboardInterrupt):
        maker.publish(14, prune=True)
    monkeypatch.setattr(FolderStore, "remove", remove)
    assert versions(maker) == list(range(1, 15))
    assert maker.publish(14, prune=True).removed == 0
    assert versions(maker) == list(range(5, 15))


@pytest.mark.parametrize("when", ["before", "after"])
def test_old_release_that_is_published_again_meanwhile_is_there_in_the_end(maker, after, monkeypatch, when):
    publish_many(maker, 14, after)
    remove, done = FolderStore.remove, []

    def remove_meanwhile(store, names):
        if when == "after":
            remove(store, names)
        if not done:
            done.append(maker.publish(1, allow_downgrade=True))
        remove(store, names)

    monkeypatch.setattr(FolderStore, "remove", remove_meanwhile)
    maker.publish(14, prune=True)
    assert maker.index.version == 15
    assert named(maker) <= files(maker)


def test_bucket_is_pruned_alike(maker, after, monkeypatch):
    pytest.importorskip("fsspec")
    monkeypatch.setattr(pruning, "KEPT_INDEXES", 1)
    place = f"memory://{maker.folder.name}/fleet"
    for version in (1, 2):
        after(version * 40.0)
        done = maker.publish(version, destination=place)
    after(120.0)
    done = maker.publish(2, destination=place, prune=True)
    store = open_store(place)
    assert (done.version, done.removed, len(store.names("models"))) == (3, 1, 1)
    assert store.names("indexes") == {index_name(2), index_name(3)}
    assert store.read(INDEX_NAME) is not None
