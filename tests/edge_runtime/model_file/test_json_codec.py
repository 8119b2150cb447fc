"""Records to JSON and back: what does not fit is named by its path."""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.model_file.json_codec import DecodeError, from_json, to_json


class Part(NamedTuple):
    name: str
    weights: tuple[float, ...] = ()
    limit: float | None = None


class Whole(NamedTuple):
    schema: int
    parts: tuple[Part, ...]
    by_name: dict[str, Part]
    is_done: bool = False
    older: Whole | None = None


PARTS = st.builds(
    Part,
    st.text(),
    st.lists(st.floats(allow_nan=False)).map(tuple),
    st.none() | st.floats(allow_nan=False),
)
WHOLES = st.builds(Whole, st.integers(), st.lists(PARTS).map(tuple), st.dictionaries(st.text(), PARTS), st.booleans())


@given(WHOLES)
def test_what_is_written_is_read_back(whole):
    text = json.dumps(to_json(whole))
    read = from_json(Whole, json.loads(text))
    assert type(read) is Whole
    assert json.dumps(to_json(read)) == text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"parts": [{"name": "a"}, {}]}, "parts[1].name: missing"),
        ({"parts": [{"name": "a", "weights": [1, "2"]}]}, "parts[0].weights[1]: expected float. Received: '2'"),
        ({"parts": [{"name": "a", "limit": True}]}, "parts[0].limit: expected float. Received: True"),
        ({"parts": [7]}, "parts[0]: expected an object. Received: 7"),
        ({"parts": {}}, "parts: expected a list. Received: {}"),
        ({"by_name": {"pump": {"name": 1}}}, "by_name.pump.name: expected str. Received: 1"),
        ({"by_name": []}, "by_name: expected an object. Received: []"),
        ({"schema": True}, "schema: expected int. Received: True"),
        ({"schema": 1.5}, "schema: expected int. Received: 1.5"),
        ({"is_done": 1}, "is_done: expected bool. Received: 1"),
    ],
)
def test_what_does_not_fit_is_named_by_its_path(change, told):
    with pytest.raises(DecodeError) as caught:
        from_json(Whole, {"schema": 1, "parts": [], "by_name": {}} | change)
    assert str(caught.value) == told


def test_numbers_too_large_for_a_float_are_refused():
    with pytest.raises(DecodeError, match=r"limit: expected float. Received: 1000"):
        from_json(Part, {"name": "a", "limit": 10**400})


def test_a_name_may_stand_before_the_path():
    with pytest.raises(DecodeError, match=r"spec.name: missing"):
        from_json(Part, {}, "spec")
    with pytest.raises(DecodeError, match=r"Part: expected an object"):
        from_json(Part, None)


def test_fields_of_a_newer_version_are_passed_over():
    assert from_json(Part, {"name": "a", "colour": "blue"}) == Part("a")
