"""Prototypes found again in files and graphs, and refined."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.fitting.heads import Space
from edge_runtime.inference.graph_constants import graph_constants
from edge_runtime.inference.heads import Head
from edge_runtime.refitting.prototypes import FromPrototypes, head_in_graph, lloyd, prototypes_of
from edge_runtime.signal.preprocessing import Preprocessing

PREPROCESSING = Preprocessing("standard", (0.0, 0.0), (1.0, 1.0))


def head_of(kind, seed):
    """A head with four centres of five variables, and the centres as rows."""
    rng = np.random.default_rng(seed)
    mean, points = rng.normal(size=5), rng.normal(size=(4, 5)) * 3
    if kind == "modes":
        whitenings = rng.normal(size=(4, 5, 5)) + 3 * np.eye(5)
        centers = np.einsum("kd,kdm->km", points - mean, whitenings)
    else:
        whitenings = np.concatenate([rng.normal(size=(5, 5)) + 3 * np.eye(5), np.eye(5, 2)], axis=1)
        centers = (points - mean) @ whitenings
    return Head(kind, *(part.astype(np.float32) for part in (mean, whitenings, centers))), points


@pytest.mark.parametrize("kind", ["modes", "codebook"])
@pytest.mark.parametrize("seed", range(3))
def test_centres_are_found_again_as_rows_in_arrays_and_in_a_graphs_constants(kind, seed):
    head, points = head_of(kind, seed)
    head = head.scaled(0.01)
    np.testing.assert_allclose(prototypes_of(head), points, atol=2e-4)
    constants = graph_constants(PREPROCESSING, head, None)
    np.testing.assert_allclose(prototypes_of(head_in_graph(kind, constants)), points, atol=2e-4)


def spread(points, centers):
    """Sum of squared distances from the nearest centre, one by one."""
    return sum(min(float(np.square(point - center).sum()) for center in centers) for point in points)


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_refined_centres_are_never_worse(seed, count):
    rng = np.random.default_rng(seed)
    points, starts = rng.normal(size=(50, 2)), rng.normal(size=(count, 2))
    assert spread(points, lloyd(points, starts)) <= spread(points, starts) + 1e-9


def test_centre_that_is_far_from_all_points_does_not_stay_there():
    points = np.random.default_rng(0).normal(size=(200, 2))
    centers = lloyd(points, np.array([[0.0, 0.0], [1e3, 1e3], [-1e3, 0.0]]))
    assert np.abs(centers).max() < 5


def test_too_few_points_for_so_many_prototypes_share_fewer():
    points = np.random.default_rng(0).normal(size=(20, 2))
    prototypes = np.random.default_rng(1).normal(size=(8, 2))
    centers = FromPrototypes(prototypes)(points, 3, Space(np.zeros(2)))
    assert centers.shape == (8, 2)
    assert len(np.unique(centers, axis=0)) == 3
