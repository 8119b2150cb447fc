"""Scoring heads against independent references."""

import numpy as np
import pytest
from edge_runtime.head_fitting import fit_head
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import LedoitWolf

from edge_runtime.heads import PARTS


@pytest.fixture(scope="module")
def parts():
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(6, 6))
    codes = rng.normal(size=(500, 6)) @ mixing
    inputs = codes[:, :4] + 0.1 * rng.normal(size=(500, 4)) + 3.0
    return {
        name: value.astype(np.float32)
        for name, value in {
            "codes": codes,
            "hidden": np.maximum(codes @ mixing, 0.0),
            "inputs": inputs,
            "residual": inputs - inputs.mean() + rng.normal(size=(500, 4)),
        }.items()
    }


@pytest.mark.parametrize("kind", [kind for kind in PARTS if kind != "spe"])
def test_score_is_the_squared_mahalanobis_distance_in_correlation_space(kind, parts):
    z = np.concatenate([parts[name] for name in PARTS[kind]], axis=1).astype(np.float64)
    standard = (z - z.mean(axis=0)) / z.std(axis=0)
    shrinkage = min(LedoitWolf(assume_centered=True).fit(standard).shrinkage_, 1e-3)
    correlation = np.cov(standard.T, bias=True)
    precision = np.linalg.inv((1 - shrinkage) * correlation + shrinkage * np.eye(len(correlation)))
    expected = [mahalanobis(row, np.zeros(len(row)), precision) ** 2 for row in standard]
    np.testing.assert_allclose(fit_head(kind, parts).score(parts), expected, rtol=2e-3)


def test_spe_is_the_mean_squared_residual(parts):
    expected = np.mean(parts["residual"] ** 2, axis=1)
    np.testing.assert_allclose(fit_head("spe", parts).score(parts), expected, rtol=1e-5)


@pytest.mark.parametrize("kind", PARTS)
def test_components_are_not_negative_and_sum_to_the_score(kind, parts):
    head = fit_head(kind, parts)
    components = head.components(parts)
    assert (components >= 0).all()
    np.testing.assert_allclose(components.sum(axis=1), head.score(parts), rtol=1e-5)


def test_component_of_a_moved_variable_grows_most(parts):
    head = fit_head("residual", parts)
    moved = {**parts, "residual": parts["residual"].copy()}
    moved["residual"][:, 2] += 10 * parts["residual"][:, 2].std()
    grown = head.components(moved).mean(axis=0) - head.components(parts).mean(axis=0)
    assert grown.argmax() == 2


def test_dead_unit_does_not_make_scores_infinite(parts):
    codes = np.column_stack([parts["codes"], np.zeros(500, np.float32)])
    head = fit_head("t2", {"codes": codes})
    assert np.isfinite(head.score({"codes": codes + 0.5})).all()
