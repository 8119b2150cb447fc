"""Whoever may publish may write anything: what is read stays small, finite and text."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.page.numbers import event
from saelite.watching.inbox import MOST_BYTES, Inbox
from saelite.watching.messages import (
    LONGEST_PAYLOAD,
    LONGEST_TOPIC,
    availability_of,
    info_of,
    state_of,
    status_of,
)

HOSTILE = (
    b"", b"null", b"[]", b"NaN", b"{", b"\xff\xfe", b'{"score": 1}', b"[" * 9000, b'{"a":' * 2000, b"1" * 9000,
    b'{"score": 1, "threshold": 1, "alarm": "true"}', b"<script>alert(1)</script>",
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELDS = (
    "time", "score", "threshold", "alarm", "since", "learning", "blamed", "explanation", "drift", "machine", "host",
    "model", "model_version", "drift_limit", "registry", "page", "to_learn", "stale",
)  # fmt: skip


def all_of(found):
    return [] if found is None else list(vars(found).values())


@pytest.mark.parametrize("payload", HOSTILE)
def test_what_is_no_message_is_none(payload):
    assert state_of(payload) is info_of(payload) is availability_of(payload) is None


@settings()  # the first text loads the tables of Unicode
@given(st.dictionaries(st.sampled_from(FIELDS), VALUES))
def test_whatever_json_says_is_read_as_finite_numbers_and_short_texts(fields):
    payload = json.dumps(fields | {"alarm": fields.get("alarm") is True}).encode()
    found = [value for read in (state_of, info_of, status_of) for value in all_of(read(payload))]
    assert all(len(value) <= 300 for value in found if isinstance(value, str))
    assert all(math.isfinite(value) for value in found if isinstance(value, float))
    assert json.loads(event("fleet", found).split(b"data: ")[1]) == pytest.approx(found)


@given(st.binary(max_size=300))
def test_whatever_bytes_come_nothing_is_raised(payload):
    for read in (state_of, info_of, status_of, availability_of):
        read(payload)


def test_halves_of_characters_do_not_reach_the_page():
    found = info_of(b'{"machine": "\\ud800 pump", "host": ""}')
    assert found.machine == "? pump"


@pytest.mark.parametrize(
    ("page", "is_kept"),
    [
        ("http://pump7:8090/", True),
        ("https://pump7/", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//elsewhere", False),
        ("http://", False),
        ("http://[", False),
        ("http://a/" + "b" * 300, False),
    ],
)
def test_only_addresses_of_pages_are_links(page, is_kept):
    found = info_of(json.dumps({"machine": "pump", "host": "h", "page": page}).encode())
    assert found.page == (page if is_kept else "")


def test_inbox_keeps_the_newest_of_each_topic_and_nothing_large_or_foreign():
    inbox = Inbox()
    inbox.put("a/state", b"1", is_retained=True)
    inbox.put("a/state", b"2", is_retained=False)
    for topic, payload in (
        ("a/state", b"x" * (LONGEST_PAYLOAD + 1)),
        ("a" * LONGEST_TOPIC + "/state", b"3"),
        ("a/event", b"4"),
        ("state", b"5"),
    ):
        inbox.put(topic, payload, is_retained=False)
    assert {place: letter.payload for place, letter in inbox.take().items()} == {("a", "state"): b"2"}
    assert inbox.take() == {}


def test_flood_of_topics_is_bounded_in_memory_and_passes():
    inbox, payload = Inbox(), b"x" * LONGEST_PAYLOAD
    for number in range(10_000):
        inbox.put(f"flood/{number}/state", payload, is_retained=False)
    found = 0
    while letters := inbox.take():
        found += len(letters)
    assert 0 < found * LONGEST_PAYLOAD <= MOST_BYTES
    inbox.put("pump/state", b"1", is_retained=False)
    assert inbox.take()
