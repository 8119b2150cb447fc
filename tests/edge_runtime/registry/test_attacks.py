"""What whoever holds the registry's server, or the network, may try without the maker's key.

The list is that of The Update Framework, section "goals to protect against specific attacks".
"""

import itertools
import shutil
import time
from dataclasses import replace

import pytest
from registries import ASSET, Maker, answering, served, small_model

from edge_runtime.errors import IntegrityError, RegistryError
from edge_runtime.registry import offers
from edge_runtime.registry.index import INDEX_NAME, AssetEntry, Release, model_name
from edge_runtime.registry.reader import WantedFile, open_reader


@pytest.fixture
def running(maker, device):
    """A device that runs version 1."""
    maker.publish(1)
    assert device.start().version == 1
    return device


def goes_on(device, words):
    """Assert that a look changes nothing, and is told with these words and counted."""
    before, failed = device.version, device.updater.failed
    assert device.look() == before
    assert words in device.told[-1], device.told
    assert device.updater.failed == failed + 1


# Arbitrary software


def test_file_that_is_not_what_its_name_says_is_not_taken(maker, running):
    maker.publish(2)
    evil = small_model(2, threshold=small_model(1).manifest.threshold._replace(value=1e9)).signed(maker.key)
    path = maker.registry / model_name(maker.sha256(2))
    path.write_bytes(evil.to_bytes()[: path.stat().st_size].ljust(path.stat().st_size, b"\0"))
    goes_on(running, "is another file")


def test_index_by_another_key_is_not_taken(maker, running, tmp_path):
    other = Maker(tmp_path, "other.pem")
    other.registry = tmp_path / "other"
    other.publish(9)
    shutil.copytree(other.registry, maker.registry, dirs_exist_ok=True)
    goes_on(running, "signed by another key")


def test_changed_index_is_not_taken(maker, running):
    maker.publish(2)
    content = (maker.registry / INDEX_NAME).read_bytes()
    maker.put(content.replace(b'"version":2', b'"version":9'))
    goes_on(running, "was changed after it was signed")


def test_model_by_another_key_is_not_taken_whatever_the_index_says(maker, running, tmp_path):
    other = Maker(tmp_path, "other.pem")
    content = small_model(2).signed(other.key).to_bytes()
    release = Release(other.sha256(2), len(content), "network", 2)
    (maker.registry / model_name(release.sha256)).write_bytes(content)
    maker.forge(version=2, assets=(AssetEntry(ASSET, (release,)),))
    assert running.look() == 1
    assert "is refused, and not fetched again" in running.told[-1]
    assert "signed by another key" in running.told[-1]


def test_signature_of_a_model_does_not_pass_for_one_of_an_index(maker, running):
    signature = small_model(2).signed(maker.key).signature
    text = b'{"schema":1,"version":9,"published_s":0,"expires_s":9e9,"assets":[]}\n'
    maker.put(b"saelite registry 1 " + signature.hex().encode() + b"\n" + text)
    goes_on(running, "was changed after it was signed")


# Rollback, replay


def test_old_index_is_not_taken_not_even_after_a_restart(maker, running):
    maker.publish(2)
    assert running.look() == 2
    maker.put(maker.index_of(1))
    goes_on(running, "is an old one: expected version 2 or later. Received: 1")
    running.start()
    goes_on(running, "is an old one")


def test_state_is_not_moved_back_by_an_old_index_that_has_expired(maker, running):
    maker.forge(version=5, expires_s=time.time() - 1, published_s=0.0)
    running.look()
    assert running.updater.state.index_version == 5
    maker.put(maker.index_of(1))
    goes_on(running, "is an old one")


def test_lower_version_of_a_model_is_taken_only_if_the_maker_says_so(maker, running):
    maker.publish(3)
    assert running.look() == 3
    (old,) = maker.index.releases_of(ASSET)
    older = old._replace(sha256=maker.sha256(1), length=len(small_model(1).signed(maker.key).to_bytes()), version=1)
    maker.forge(version=3, assets=(AssetEntry(ASSET, (older,)),))
    assert running.look() == 3
    assert "older than 3 in use: it is not taken" in running.told[-1]
    maker.forge(version=4, assets=(AssetEntry(ASSET, (older._replace(may_be_older=True),)),))
    assert running.look() == 1


# Indefinite freeze


def test_expired_index_is_told_once_and_counted_and_the_model_goes_on(maker, running):
    maker.publish(2)
    maker.forge(version=3, published_s=0.0, expires_s=time.time() - 1)
    assert [running.look() for _ in range(3)] == [1, 1, 1]
    assert running.updater.expired == 3
    assert sum("has expired" in told for told in running.told) == 1
    maker.forge(version=4, expires_s=time.time() + 1000)
    assert running.look() == 2


def test_expiry_is_noticed_however_the_registry_is_silenced(maker, running):
    running.updater.installed.save(replace(running.updater.state, expires_s=time.time() - 1))
    shutil.rmtree(maker.registry)
    running.look()
    assert running.updater.expired == 1
    assert running.updater.failed == 1
    running.start()
    running.look()
    assert any("has expired" in told for told in running.told)


def test_server_that_always_says_unchanged_cannot_hide_the_expiry(maker, make_device, monkeypatch):
    maker.publish(1)
    with served(maker.registry) as (address, asked):
        device = make_device(registry=address).start()
        assert [device.look(), device.look()] == [1, 1]
        assert asked == [f"/{INDEX_NAME}", f"/{model_name(maker.sha256(1))}", f"/{INDEX_NAME}", f"/{INDEX_NAME}"]
        assert (device.updater.failed, device.updater.expired) == (0, 0)
        later = maker.index.expires_s + 1
        monkeypatch.setattr(time, "time", lambda: later)
        device.look()
    assert (device.updater.failed, device.updater.expired) == (0, 1)


def test_server_that_knows_nothing_but_unchanged_is_a_failure(maker, make_device):
    maker.publish(1)
    device = make_device().start()
    device.stop()
    with answering(lambda: [b"HTTP/1.1 304 Not Modified\r\n\r\n"]) as address:
        device.settings = replace(device.settings, registry=address)
        device.start()
        goes_on(device, "answers 304")


# Endless data


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
)  # fmt: skip
def test_endless_index_is_refused_before_it_fills_the_memory(maker, make_device, monkeypatch, head):
    maker.publish(1)
    device = make_device().start()
    device.stop()
    monkeypatch.setenv("SAELITE_MAX_INDEX_MB", "1")
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n" if b"chunked" in head else b"x" * 65536
    with answering(lambda: itertools.chain([head], itertools.repeat(piece))) as address:
        device.settings = replace(device.settings, registry=address)
        device.start()
        goes_on(device, "too long: expected at most 1,000,000 bytes")


def test_endless_model_is_read_no_further_than_the_index_says(maker, running):
    maker.publish(2)
    path = maker.registry / model_name(maker.sha256(2))
    with path.open("ab") as file:
        file.write(b"\0" * 1000)
    goes_on(running, "is too long")


def test_endless_headers_are_refused(maker, make_device):
    lines = itertools.chain([b"HTTP/1.1 200 OK\r\n"], (b"X-%d: y\r\n" % n for n in itertools.count()))
    with answering(lambda: lines) as address, pytest.raises(RegistryError, match="HTTPException"):
        open_reader(address).fetch(WantedFile("a", 10, 20.0))


# Slow retrieval


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n"])
def test_slow_server_is_cut_off(maker, make_device, monkeypatch, head):
    maker.publish(1)
    device = make_device().start()
    device.stop()
    monkeypatch.setattr(offers, "_INDEX_S", 0.5)
    with answering(lambda: itertools.chain([head], itertools.repeat(b"y")), pause_s=0.05) as address:
        device.settings = replace(device.settings, registry=address)
        device.start()
        goes_on(device, "it took longer than 0.5 s")


def test_handshake_that_never_ends_is_cut_off():
    with answering(lambda: itertools.repeat(b""), pause_s=0.05) as address:
        reader = open_reader(address.replace("http:", "https:"))
        with pytest.raises(RegistryError, match=r"it took longer than 0\.5 s"):
            reader.fetch(WantedFile(INDEX_NAME, 1000, 0.5))


# Mix-and-match, wrong software


def test_two_indexes_of_one_version_are_noticed(maker, running):
    maker.forge(expires_s=maker.index.expires_s + 1)
    goes_on(running, "has two indexes of version 1")


def test_file_of_another_version_or_name_is_refused(maker, running):
    content = small_model(2, name="other").signed(maker.key).to_bytes()
    release = Release(maker.sha256(2, name="other"), len(content), "network", 2)
    (maker.registry / model_name(release.sha256)).write_bytes(content)
    maker.forge(version=2, assets=(AssetEntry(ASSET, (release,)),))
    assert running.look() == 1
    assert "expected name and version ('network', 2). Received: ('other', 2)" in running.told[-1]


def test_model_of_another_asset_is_never_taken(maker, running):
    maker.publish(5, asset="pump8")
    assert running.look() == 1
    maker.forge(version=9, assets=maker.index.assets[1:])
    goes_on(running, "has no asset 'pump7'")


def test_expected_name_holds_whatever_the_index_says(maker, running):
    running.updater._requirements = replace(running.requirements, expect_name="network")
    maker.publish(2, name="another")
    assert running.look() == 1
    assert "expected the name 'network'. Received: 'another'" in running.told[-1]


# A mirror that prevents updates; keys


@pytest.mark.parametrize("answer", [b"HTTP/1.1 500 Oops\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\n\r\n<html>", b"\0" * 100])
def test_server_that_gives_no_index_is_told_and_counted(maker, make_device, answer):
    maker.publish(1)
    device = make_device().start()
    device.stop()
    with answering(lambda: [answer]) as address:
        device.settings = replace(device.settings, registry=address)
        device.start()
        goes_on(device, "The stream continues.")
        device.look()
    assert device.updater.failures == 2
    assert sum("The stream continues." in told for told in device.told) == 1


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x"])
def test_redirection_to_another_kind_of_place_is_not_followed(target):
    answer = f"HTTP/1.1 302 Found\r\nLocation: {target}\r\n\r\n".encode()
    with answering(lambda: [answer]) as address, pytest.raises(RegistryError, match=r"less safe|is not allowed"):
        open_reader(address).fetch(WantedFile(INDEX_NAME, 1000, 5.0))


def test_redirections_have_an_end():
    answer = b"HTTP/1.1 302 Found\r\nLocation: /again\r\n\r\n"
    with answering(lambda: [answer]) as address, pytest.raises(RegistryError, match="302"):
        open_reader(address).fetch(WantedFile(INDEX_NAME, 1000, 5.0))


def test_key_that_is_no_longer_trusted_opens_nothing(maker, make_device, tmp_path):
    maker.publish(1)
    new = Maker(tmp_path, "new.pem")
    with pytest.raises(IntegrityError, match="signed by another key"):
        make_device(public=new.public).start()


def test_new_key_takes_over_while_both_are_trusted(maker, make_device, tmp_path):
    maker.publish(1)
    new = Maker(tmp_path, "new.pem")
    device = make_device()
    device.opening = replace(device.opening, trusted_key=(maker.public, new.public))
    device.requirements = replace(device.requirements, opening=device.opening)
    assert device.start().version == 1
    new.publish(2, trusted_key=(maker.public,))
    assert device.look() == 2
