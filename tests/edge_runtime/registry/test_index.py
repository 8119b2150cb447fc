"""The index of a registry: what was signed comes back; nothing else does, and nothing crashes."""

import json
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.errors import IntegrityError, RegistryError, SaeliteError
from edge_runtime.model_file.json_codec import to_json
from edge_runtime.model_file.signature import sign, write_key_pair
from edge_runtime.registry.index import _CONTEXT, _MAGIC, AssetEntry, Index, Release, model_name, parse_index, signed

SHA = "0123456789abcdef" * 4
RELEASE = Release(SHA, 2005, "network", 3)
INDEX = Index(1, 7, 1000.0, 2000.0, (AssetEntry("pump7", (RELEASE,)),))


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    """A private key, its public one beside it."""
    path = tmp_path_factory.mktemp("key") / "maker.pem"
    write_key_pair(path)
    return path


def public(key):
    return (key.with_name("maker.pem.pub"),)


def signed_text(text, key):
    """Return any text with a good signature."""
    return _MAGIC + sign(_CONTEXT + text, key).hex().encode() + b"\n" + text


def test_what_is_signed_comes_back_and_the_same_gives_the_same_bytes(key):
    assert parse_index(signed(INDEX, key), public(key), "index") == INDEX
    assert signed(INDEX, key) == signed(INDEX, key)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": 2}, "schema"),
        ({"version": 0}, "version"),
        ({"version": True}, "version"),
        ({"version": 2**70}, "64 bits"),
        ({"expires_s": 999.0}, "expires_s"),
        ({"expires_s": 1e300}, "expires_s"),
        ({"assets": INDEX.assets * 2}, "each asset once"),
        ({"assets": (AssetEntry("pump7", ()),)}, "releases"),
        ({"assets": (AssetEntry("pump7", (RELEASE,) * 9),)}, "releases"),
        ({"assets": (AssetEntry("", (RELEASE,)),)}, "asset"),
        ({"assets": (AssetEntry("x" * 300, (RELEASE,)),)}, "asset"),
        ({"assets": (AssetEntry("p", (RELEASE._replace(sha256="../../etc/passwd"),)),)}, "sha256"),
        ({"assets": (AssetEntry("p", (RELEASE._replace(sha256=SHA.upper()),)),)}, "sha256"),
        ({"assets": (AssetEntry("p", (RELEASE._replace(sha256=f"{SHA}\n"),)),)}, "sha256"),
        ({"assets": (AssetEntry("p", (RELEASE._replace(length=0),)),)}, "length"),
        ({"assets": (AssetEntry("p", (RELEASE._replace(version=-1),)),)}, "version"),
        ({"assets": (AssetEntry("p", (RELEASE._replace(share=0.0),)),)}, "share"),
        ({"assets": (AssetEntry("p", (RELEASE._replace(share=1.5),)),)}, "share"),
    ],
)
def test_value_that_means_nothing_is_refused_though_it_is_signed(key, change, words):
    with pytest.raises(RegistryError, match=words):
        parse_index(signed(replace(INDEX, **change), key), public(key), "index")


@pytest.mark.parametrize("text", [b"", b"[]", b"null", b"{", b"[" * 100_000, b'{"schema":1e999}', b"\xff", b"9" * 5000])
def test_text_that_is_no_index_is_refused_though_it_is_signed(key, text):
    with pytest.raises(RegistryError, match="is not the index of a registry"):
        parse_index(signed_text(text, key), public(key), "index")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_number_that_is_none_is_refused(key, value):
    text = json.dumps({**to_json(INDEX), "expires_s": value}).encode()
    with pytest.raises(RegistryError, match="finite"):
        parse_index(signed_text(text, key), public(key), "index")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)


@given(
    st.sampled_from(
        ["schema", "version", "published_s", "expires_s", "assets", "releases", "sha256", "share", "asset"]
    ),
    JSON,
)
@settings(max_examples=150)
def test_any_value_in_any_place_is_taken_or_refused_and_nothing_else(key, name, value):
    data = to_json(INDEX)
    entry = data["assets"][0]
    next(one for one in (data, entry, entry["releases"][0]) if name in one)[name] = value
    content = signed_text(json.dumps(data).encode(), key)
    try:
        index = parse_index(content, public(key), "index")
    except SaeliteError:
        return
    assert index.version >= 1
    for one in index.assets:
        for release in one.releases:
            assert model_name(release.sha256).removeprefix("models/").removesuffix(".tflite").isalnum()


@given(st.binary(max_size=600))
@settings(max_examples=150)
def test_any_bytes_are_an_error_of_ours(key, content):
    with pytest.raises(SaeliteError):
        parse_index(content, public(key), "index")


@given(st.integers(min_value=0), st.integers(1, 255))
@settings(max_examples=150)
def test_any_changed_byte_is_an_error_of_ours(key, place, change):
    content = bytearray(signed(INDEX, key))
    content[place % len(content)] ^= change
    with pytest.raises((RegistryError, IntegrityError)):
        parse_index(bytes(content), public(key), "index")


def test_index_of_ten_thousand_assets_is_read_and_fits_the_limit(key):
    entries = tuple(AssetEntry(f"pump{number:05}", (RELEASE, RELEASE._replace(share=0.5))) for number in range(10_000))
    content = signed(replace(INDEX, assets=entries, expires_s=time.time()), key)
    assert len(content) < 16_000_000 / 2
    assert parse_index(content, public(key), "index").releases_of("pump09999") == entries[-1].releases
