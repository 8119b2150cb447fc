"""Staged roll-outs: a larger share includes a smaller one, and takes as many as it says."""

from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.registry.choosing import place_in_rollout, release_for
from edge_runtime.registry.index import Release

OLD, NEW = Release("0" * 64, 9, "pump", 1), Release("f" * 64, 9, "pump", 2)
ASSETS = [f"pump{number}" for number in range(10_000)]


@given(st.text(min_size=1), st.floats(0.001, 1.0), st.floats(0.001, 1.0))
def test_larger_share_includes_the_smaller(asset, one, other):
    small, large = (release_for(asset, (NEW._replace(share=share), OLD)) for share in sorted((one, other)))
    assert large.version == 2 or small.version == 1


def test_share_is_as_large_as_it_says():
    taken = sum(place_in_rollout(asset, NEW.sha256) < 0.05 for asset in ASSETS)
    # Five standard deviations of a binomial count.
    assert abs(taken - 500) < 5 * (10_000 * 0.05 * 0.95) ** 0.5


def test_each_release_begins_with_other_assets():
    first, second = ({asset for asset in ASSETS if place_in_rollout(asset, one.sha256) < 0.05} for one in (OLD, NEW))
    assert len(first & second) < 0.2 * len(first)


def test_everyone_takes_a_whole_release_and_nobody_one_that_is_not_for_him():
    assert {release_for(asset, (OLD,)).version for asset in ASSETS[:100]} == {1}
    late = max(ASSETS, key=lambda asset: place_in_rollout(asset, NEW.sha256))
    assert release_for(late, (NEW._replace(share=0.5),)) is None
    assert release_for(late, ()) is None
