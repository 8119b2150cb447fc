"""Publishing: files first, then an index that names them; twice the same is nothing; nobody's entries are lost."""

import threading
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from registries import ASSET, Device, Maker, served, small_model
from s3_server import KEYS, make_public_bucket, s3_server

from edge_runtime.common.asset_names import folder_of
from edge_runtime.errors import (
    IntegrityError,
    MissingExtraError,
    ModelFileError,
    OutputError,
    RegistryError,
    UsageError,
)
from edge_runtime.registry.index import INDEX_NAME, Release, index_name, model_name, parse_index
from saelite.publishing import publish as publishing
from saelite.publishing.bucket_store import BucketStore
from saelite.publishing.merging import releases_after
from saelite.publishing.publish import publish
from saelite.publishing.publish_settings import PublishSettings
from saelite.publishing.registry_store import FolderStore, open_store

HOSTILE = [
    "../x",
    "..",
    ".",
    "/etc/passwd",
    "a/../../b",
    "nul\0byte",
    "line\nend",
    "ü-😀",
    "asset=x",
    "%2e%2e",
    "-rf",
    " ",
]


@pytest.fixture
def maker(tmp_path):
    return Maker(tmp_path)


def fleet_of(folder, versions):
    """Write a fleet's folder with a model of a version for each asset."""
    for asset, version in versions.items():
        path = folder / "models" / folder_of(asset) / "model.tflite"
        path.parent.mkdir(parents=True, exist_ok=True)
        small_model(version).write(path)
    return folder


def settings_of(maker, **changes):
    return PublishSettings(sign=maker.key, **changes)


def entries(maker):
    return {entry.asset: [one.version for one in entry.releases] for entry in maker.index.assets}


def test_fleet_is_published_and_every_device_takes_its_own(maker, tmp_path):
    fleet = fleet_of(tmp_path / "fleet", {"pump1": 1, "pump2": 2})
    done = publish(fleet, str(maker.registry), settings_of(maker))
    assert (done.version, done.assets, done.changed, done.written, done.is_new) == (1, 2, 2, 2, True)
    for asset, version in (("pump1", 1), ("pump2", 2)):
        device = Device(tmp_path / asset, maker.registry, maker.public, asset).start()
        assert device.version == version
        device.stop()


def test_the_same_again_changes_nothing_and_writes_nothing(maker, tmp_path):
    fleet = fleet_of(tmp_path / "fleet", {"pump1": 1, "pump2": 1})
    publish(fleet, str(maker.registry), settings_of(maker))
    before = {path: path.stat().st_mtime_ns for path in maker.registry.rglob("*")}
    done = publish(fleet, str(maker.registry), settings_of(maker))
    assert (done.version, done.changed, done.written, done.is_new) == (1, 0, 0, False)
    assert {path: path.stat().st_mtime_ns for path in maker.registry.rglob("*")} == before


def test_the_same_again_renews_an_index_of_which_half_the_time_has_passed(maker, monkeypatch):
    maker.publish(1, expires_s=1000.0)
    before, now = maker.index, time.time()
    monkeypatch.setattr(publishing.time, "time", lambda: now + 600)
    done = maker.publish(1, expires_s=1000.0)
    assert (done.version, done.changed) == (2, 0)
    assert maker.index.assets == before.assets
    assert maker.index.expires_s > before.expires_s


def test_other_assets_and_old_files_stay(maker):
    maker.publish(1, asset="pump1")
    maker.publish(1, asset="pump2")
    maker.publish(2, asset="pump2")
    assert entries(maker) == {"pump1": [1], "pump2": [2]}
    assert len(list((maker.registry / "models").iterdir())) == 2
    assert len(list((maker.registry / "indexes").iterdir())) == 3


def test_only_the_assets_asked_for_are_published(maker, tmp_path):
    fleet = fleet_of(tmp_path / "fleet", {"pump1": 1, "pump2": 1})
    publish(fleet, str(maker.registry), settings_of(maker, asset=("pump2",)))
    assert entries(maker) == {"pump2": [1]}
    with pytest.raises(UsageError, match="has no model of 'pump9'"):
        publish(fleet, str(maker.registry), settings_of(maker, asset=("pump9",)))


@pytest.mark.parametrize("asset", HOSTILE)
def test_hostile_name_of_an_asset_is_a_name_and_nothing_else(maker, tmp_path, asset):
    fleet = fleet_of(tmp_path / "fleet", {asset: 1})
    publish(fleet, str(maker.registry), settings_of(maker))
    written = {path.relative_to(maker.registry).as_posix() for path in maker.registry.rglob("*") if path.is_file()}
    assert written == {INDEX_NAME, index_name(1), model_name(maker.sha256(1))}
    assert entries(maker) == {asset: [1]}
    device = Device(tmp_path / "device", maker.registry, maker.public, asset).start()
    assert device.version == 1
    device.stop()


@pytest.mark.parametrize("asset", ["", "x" * 300, "ü" * 200, "\ud800"])
def test_name_that_no_file_system_takes_is_refused(maker, asset):
    with pytest.raises(UsageError, match="no usable name"):
        maker.publish(1, asset=asset)


def test_lower_version_needs_a_word(maker):
    maker.publish(2)
    with pytest.raises(UsageError, match=r"version 1 would follow 2.*--allow-downgrade"):
        maker.publish(1)
    maker.publish(1, allow_downgrade=True)
    assert maker.index.releases_of(ASSET)[0].may_be_older
    assert maker.publish(1).is_new is False


OLD, NEW, NEWER = (Release(digit * 64, 9, "pump", version) for digit, version in (("0", 1), ("1", 2), ("2", 3)))


def staged(release, share):
    return release._replace(share=share)


@pytest.mark.parametrize(
    ("before", "new", "after"),
    [
        ((), staged(NEW, 0.1), (staged(NEW, 0.1),)),
        ((OLD,), staged(NEW, 0.1), (staged(NEW, 0.1), OLD)),
        ((staged(NEW, 0.1), OLD), staged(NEW, 0.5), (staged(NEW, 0.5), OLD)),
        ((staged(NEW, 0.1), OLD), NEW, (NEW,)),
        ((staged(NEW, 0.1), OLD), staged(NEWER, 0.1), (staged(NEWER, 0.1), OLD)),
        ((NEW,), staged(NEW, 0.1), (NEW,)),
        ((staged(NEW, 0.1),), staged(NEWER, 0.2), (staged(NEWER, 0.2),)),
    ],
)
def test_what_all_others_run_stays_behind_a_staged_release(before, new, after):
    assert releases_after("pump7", before, new) == after


def test_staged_release_is_withdrawn_by_publishing_the_one_before(maker):
    maker.publish(1)
    maker.publish(2, share=0.1)
    with pytest.raises(UsageError, match="--allow-downgrade"):
        maker.publish(1)
    maker.publish(1, allow_downgrade=True)
    assert entries(maker) == {ASSET: [1]}


@given(st.lists(st.tuples(st.sampled_from([OLD, NEW, NEWER]), st.sampled_from([0.1, 0.5, 1.0])), max_size=8))
def test_whatever_is_published_the_newest_comes_first_and_at_most_one_stands_behind_it(steps):
    releases = ()
    for release, share in steps:
        releases = releases_after("pump7", releases, staged(release, share), allow_downgrade=True)
        # What all run already cannot reach only some of them.
        assert release.sha256 in (releases[0].sha256, releases[-1].sha256)
        assert share < 1 or releases[0].sha256 == release.sha256
        assert len(releases) <= 2
        assert all(one.share == 1 for one in releases[1:])


def test_file_that_is_signed_by_another_key_is_refused(maker, tmp_path):
    other = Maker(tmp_path, "other.pem")
    path = tmp_path / "theirs.tflite"
    small_model(1).signed(other.key).write(path)
    with pytest.raises(IntegrityError, match="signed by another key"):
        publish(path, str(maker.registry), settings_of(maker, asset=("pump7",)))
    publish(path, str(maker.registry), settings_of(maker, asset=("pump7",), trusted_key=(other.public,)))


def test_registry_of_another_maker_is_not_overwritten(maker, tmp_path):
    other = Maker(tmp_path, "other.pem")
    other.publish(1)
    content = (maker.registry / INDEX_NAME).read_bytes()
    with pytest.raises(IntegrityError, match="signed by another key"):
        maker.publish(1)
    assert (maker.registry / INDEX_NAME).read_bytes() == content


@pytest.mark.parametrize(("content", "words"), [(b"", "not a TFLite file"), (None, "no such file")])
def test_what_is_no_model_is_not_published(maker, tmp_path, content, words):
    path = tmp_path / "x.tflite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelFileError, match=words):
        publish(path, str(maker.registry), settings_of(maker, asset=("pump7",)))
    assert not maker.registry.exists()


def test_what_cannot_be_published_says_what_was_expected(maker, tmp_path):
    with pytest.raises(UsageError, match="expected --asset NAME"):
        publish(maker.file(1), str(maker.registry), settings_of(maker))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"expected models/asset=NAME/model\.tflite"):
        publish(tmp_path / "empty", str(maker.registry), settings_of(maker))


def test_something_else_at_the_destination_is_not_overwritten(maker):
    maker.registry.mkdir()
    maker.put(b"a diary")
    with pytest.raises(RegistryError, match="is not the index of a registry"):
        maker.publish(1)
    assert (maker.registry / INDEX_NAME).read_bytes() == b"a diary"


# Several at a time, and kills


@pytest.mark.parametrize("kind", ["folder", "memory"])
def test_publishers_at_the_same_time_lose_nobodys_entries(maker, kind):
    destination = str(maker.registry) if kind == "folder" else "memory://fleet"
    names, problems = [f"pump{number}" for number in range(8)], []
    files = {name: maker.file(1) for name in names}
    barrier = threading.Barrier(len(names))

    def one(name):
        try:
            barrier.wait()
            publish(files[name], destination, settings_of(maker, asset=(name,)))
        except Exception as error:  # noqa: BLE001 - told below
            problems.append(error)

    threads = [threading.Thread(target=one, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    index = parse_index(open_store(destination).read(INDEX_NAME), (maker.public,), "index")
    assert [entry.asset for entry in index.assets] == names
    assert index.version == len(names)


class DyingStore(FolderStore):
    """A folder in which the process ends before the write with this number."""

    def __init__(self, folder, number):
        super().__init__(folder)
        self.left = number

    def _count(self):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt

    def write(self, files):
        self._count()
        super().write(files)

    def create(self, name, content):
        self._count()
        return super().create(name, content)


@pytest.mark.parametrize("number", range(3))
def test_publisher_that_dies_leaves_a_registry_that_works_and_the_next_one_completes_it(
    maker, tmp_path, monkeypatch, number
):
    maker.publish(1)
    device = Device(tmp_path / "device", maker.registry, maker.public).start()
    with monkeypatch.context() as patched:
        patched.setattr(publishing, "open_store", lambda _: DyingStore(maker.registry, number))
        with pytest.raises(KeyboardInterrupt):
            maker.publish(2)
    assert device.look() == 1
    maker.publish(1, asset="another")
    assert device.look() == (2 if number == 2 else 1)
    maker.publish(2)
    assert device.look() == 2
    device.stop()


def test_others_that_publish_all_the_time_are_an_error_that_says_so(maker, monkeypatch):
    monkeypatch.setattr(FolderStore, "create", lambda *_: False)
    with pytest.raises(OutputError, match="changed by others 20 times"):
        maker.publish(1)


def test_late_writer_does_not_bring_back_an_old_index(maker, monkeypatch):
    maker.publish(1)
    write, published = FolderStore.write, []

    def late(store, files):
        if INDEX_NAME in files and not published:
            published.append(True)
            maker.publish(1, asset="meanwhile")
        write(store, files)

    monkeypatch.setattr(FolderStore, "write", late)
    maker.publish(2)
    assert published
    assert maker.index.version == 3
    assert set(entries(maker)) == {ASSET, "meanwhile"}


# Buckets


@pytest.fixture(scope="module")
def s3():
    """The address of an S3 server, and a client of it."""
    for name in ("moto", "flask_cors", "s3fs"):  # not in the extra dev: see pyproject.toml
        pytest.importorskip(name, reason=f"{name} is not installed")
    with s3_server() as address:
        yield address, make_public_bucket(address, "models")


@pytest.fixture
def _to_s3(s3, monkeypatch):
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": s3[0]}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("_to_s3")
def test_bucket_is_written_with_s3_and_read_by_devices_over_plain_http(maker, tmp_path, s3):
    fleet = fleet_of(tmp_path / "fleet", {"pump7": 1, "../x": 1})
    done = publish(fleet, "s3://models/fleet", settings_of(maker))
    assert (done.version, done.written) == (1, 1)
    assert publish(fleet, "s3://models/fleet", settings_of(maker)).is_new is False
    names = {one["Key"] for one in s3[1].list_objects_v2(Bucket="models", Prefix="fleet/")["Contents"]}
    assert names == {f"fleet/{name}" for name in (INDEX_NAME, index_name(1), model_name(maker.sha256(1)))}
    for name in names:
        s3[1].put_object_acl(Bucket="models", Key=name, ACL="public-read")
    device = Device(tmp_path / "device", f"{s3[0]}/models/fleet", maker.public).start()
    assert device.version == 1
    maker.publish(2, destination="s3://models/fleet")
    assert device.look() == 2
    assert (device.updater.failed, device.updater.expired) == (0, 0)
    device.stop()


@pytest.mark.usefixtures("_to_s3")
def test_bucket_lets_only_one_claim_a_version():
    stores = [BucketStore("s3://models/claims") for _ in range(2)]
    assert [store.create("indexes/1", store.place.encode()) for store in stores] == [True, False]
    assert stores[1].read("indexes/2") is None


@pytest.mark.usefixtures("_to_s3")
def test_bucket_that_is_not_there_is_an_error_of_ours(maker):
    with pytest.raises(OutputError, match="s3://nowhere"):
        maker.publish(1, destination="s3://nowhere/fleet")


def test_addresses_that_nothing_can_be_written_to_are_refused(monkeypatch):
    with pytest.raises(UsageError, match="a URL that fsspec knows"):
        open_store("gopher://host/models")
    monkeypatch.setitem(__import__("sys").modules, "fsspec.core", None)
    with pytest.raises(MissingExtraError, match=r"saelite\[fleet\]"):
        open_store("s3://models")


# The command


def test_command_publishes_and_says_what_it_did(saelite, maker, tmp_path):
    fleet_of(tmp_path / "fleet", {"pump7": 1})
    result = saelite("publish", "fleet", "registry", "--sign", "maker.pem", "--share", "100%")
    assert result.returncode == 0, result.stderr
    assert "registry: version 1, valid until 2" in result.stdout
    assert "1 asset, 1 changed; 1 model file written" in result.stdout
    result = saelite("publish", "fleet", "registry", "--sign", "maker.pem", "--share", "0%")
    assert result.returncode == 2
    assert "a share, such as 5% or 0.05" in result.stderr


def test_registry_of_a_server_that_knows_tags_costs_one_small_answer_when_nothing_changed(maker, tmp_path):
    maker.publish(1)
    with served(maker.registry) as (address, asked):
        device = Device(tmp_path / "device", address, maker.public).start()
        fetched = []
        fetch = device.updater._offers._reader.fetch
        device.updater._offers._reader.fetch = lambda wanted: fetched.append(fetch(wanted)) or fetched[-1]
        assert [device.look(), device.look()] == [1, 1]
        device.stop()
    assert fetched == [None, None]
    assert replace(device.settings).asset == ASSET
    assert len(asked) == 4
