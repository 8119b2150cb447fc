"""Files of a registry from a folder, over http and over https."""

import os

import pytest
from registries import answering, own_certificate, served

from edge_runtime.errors import RegistryError, UsageError
from edge_runtime.registry.reader import WantedFile, open_reader


@pytest.fixture
def folder(tmp_path):
    """A folder with a file of ten bytes."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a").write_bytes(b"0123456789")
    return tmp_path


def wanted(most=10, tag="", name="models/a"):
    return WantedFile(name, most, 20.0, tag)


@pytest.fixture(params=["folder", "file:", "http:"])
def reader(request, folder):
    """Each kind of reader of the folder."""
    if request.param == "http:":
        with served(folder) as (address, _):
            yield open_reader(f"{address}/")
    else:
        yield open_reader(str(folder) if request.param == "folder" else folder.as_uri())


def test_file_is_read_once_until_it_changes(reader, folder):
    first = reader.fetch(wanted())
    assert first.content == b"0123456789"
    assert reader.fetch(wanted(tag=first.tag)) is None
    (folder / "models" / "a").write_bytes(b"01234")
    assert reader.fetch(wanted(tag=first.tag)).content == b"01234"


def test_longer_file_is_refused(reader):
    with pytest.raises(RegistryError, match="too long: expected at most 9 bytes"):
        reader.fetch(wanted(most=9))


def test_missing_file_is_an_error_of_ours(reader):
    with pytest.raises(RegistryError, match=r"cannot read|answers 404"):
        reader.fetch(wanted(name="models/b"))


def test_fifo_in_the_place_of_a_file_keeps_nobody(folder):
    os.mkfifo(folder / "index.signed")
    with pytest.raises(RegistryError, match="expected a file"):
        open_reader(str(folder)).fetch(wanted(name="index.signed"))


@pytest.mark.parametrize("address", ["s3://bucket/models", "ftp://host/models", ""])
def test_other_addresses_are_refused(address):
    with pytest.raises(UsageError, match="expected a folder, or a URL with file, http or https"):
        open_reader(address)


def test_query_of_an_address_goes_with_every_request_and_into_no_message(folder):
    with served(folder) as (address, asked):
        reader = open_reader(f"{address}/models?sig=s3cret")
        assert reader.fetch(wanted(name="a")).content == b"0123456789"
        assert asked == ["/models/a?sig=s3cret"]
        with pytest.raises(RegistryError) as missing:
            reader.fetch(wanted(name="b"))
    with pytest.raises(RegistryError) as silent:
        reader.fetch(wanted(name="a"))
    assert "s3cret" not in f"{missing.value}{silent.value}{reader.place}"


def test_user_in_an_address_is_refused_without_showing_it():
    with pytest.raises(UsageError, match="without a user's name") as refused:
        open_reader("https://me:s3cret@host/models")
    assert "s3cret" not in str(refused.value)


def test_content_that_ends_early_is_an_error():
    with (
        answering(lambda: [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123"]) as address,
        pytest.raises(RegistryError, match=r"IncompleteRead|ended after 3 of 10 bytes"),
    ):
        open_reader(address).fetch(wanted())


def test_tag_that_would_begin_another_header_is_forgotten():
    answer = b"HTTP/1.1 200 OK\r\nETag: \xff\x01\r\nContent-Length: 1\r\n\r\nx"
    with answering(lambda: [answer]) as address:
        assert open_reader(address).fetch(wanted()).tag == ""


def test_https_is_read_only_with_a_certificate_that_is_trusted(tmp_path, monkeypatch):
    tls, certificate = own_certificate(tmp_path)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"
    with (
        answering(lambda: [answer], tls=tls) as address,
        pytest.raises(RegistryError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        open_reader(address).fetch(wanted())
    with answering(lambda: [answer], tls=tls) as address:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert open_reader(address).fetch(wanted()).content == b"x"


def test_https_is_not_left_for_http(tmp_path, monkeypatch):
    tls, certificate = own_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    answer = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/a\r\n\r\n"
    with answering(lambda: [answer], tls=tls) as address, pytest.raises(RegistryError, match="to http, which is less"):
        open_reader(address).fetch(wanted())
