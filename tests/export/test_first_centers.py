"""The first centres of k-means are those that scikit-learn would draw."""

import numpy as np
import pytest
from sklearn.cluster import kmeans_plusplus

from export.fitting.first_centers import first_centers


@pytest.mark.parametrize("count", [1, 2, 7, 40])
@pytest.mark.parametrize("distinct", [40, 900])
def test_first_centers_are_those_of_scikit_learn(count, distinct):
    rng = np.random.default_rng(count)
    points = rng.normal(size=(distinct, 6))[rng.permutation(np.resize(np.arange(distinct), 900))]
    _, expected = kmeans_plusplus(points, count, random_state=0)
    np.testing.assert_array_equal(first_centers(points, count), expected)
