"""Scoring heads against independent references in float64."""

import numpy as np
import pytest
import reference_maths
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, mahalanobis
from sklearn.covariance import LedoitWolf

from edge_runtime.errors import ModelFileError
from edge_runtime.inference.heads import PARTS, Head
from export.fitting.fit_heads import fit_head, modes_in

ONE_CENTRE = [kind for kind in PARTS if kind not in ("spe", "modes", "codebook")]
WIDTHS = {"inputs": 3, "hidden": 4, "codes": 2, "residual": 3}


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


@pytest.fixture(scope="module")
def three_modes():
    """Inputs of a machine that takes turns at three ways of working, and the way each window is of."""
    rng = np.random.default_rng(1)
    way = np.arange(900) // 30 % 3
    mixings = rng.normal(size=(3, 4, 4))
    levels = np.array([[0, 0, 0, 0], [40, 0, -40, 0], [0, 60, 0, 20]])
    inputs = levels[way] + np.einsum("nd,nde->ne", rng.normal(size=(900, 4)), mixings[way])
    return inputs.astype(np.float32), way


def of(kind, parts):
    return np.concatenate([parts[name] for name in PARTS[kind]], axis=1).astype(np.float64)


def precision(standard, add=0.0):
    """Inverse of the correlation matrix, shrunk by as much as Ledoit and Wolf say, 1/1000 at most."""
    shrinkage = min(LedoitWolf(assume_centered=True).fit(standard).shrinkage_, 1e-3)
    identity = np.eye(standard.shape[1])
    return np.linalg.inv((1 - shrinkage) * np.cov(standard.T, bias=True) + shrinkage * identity + add)


@pytest.mark.parametrize("kind", ONE_CENTRE)
def test_score_is_the_squared_mahalanobis_distance_in_correlation_space(kind, parts):
    z = of(kind, parts)
    standard = (z - z.mean(axis=0)) / z.std(axis=0)
    expected = [mahalanobis(row, np.zeros(len(row)), precision(standard)) ** 2 for row in standard]
    np.testing.assert_allclose(fit_head(kind, parts).score(parts), expected, rtol=2e-3)


def test_spe_is_the_mean_squared_residual(parts):
    expected = np.mean(parts["residual"].astype(np.float64) ** 2, axis=1)
    np.testing.assert_allclose(fit_head("spe", parts).score(parts), expected, rtol=1e-5)


def test_modes_score_is_the_smallest_mahalanobis_distance_from_a_mode(three_modes):
    inputs, way = three_modes
    x = inputs.astype(np.float64)
    pooled = sum((way == k).sum() * np.cov(x[way == k].T, bias=True) for k in range(3)) / len(x) + 1e-6 * np.eye(4)
    distances = []
    for k in range(3):
        rows = x[way == k]
        covariance = (len(rows) * np.cov(rows.T, bias=True) + 5 * pooled) / (len(rows) + 5)
        shrunk = 0.999 * covariance + 0.001 * np.diag(np.diag(covariance))
        distances.append(cdist(x, [rows.mean(axis=0)], "mahalanobis", VI=np.linalg.inv(shrunk))[:, 0] ** 2)
    head = fit_head("modes", {"inputs": inputs})
    np.testing.assert_allclose(head.score({"inputs": inputs}), np.min(distances, axis=0), rtol=5e-3, atol=1e-3)


def test_as_many_modes_are_found_as_the_machine_has(three_modes):
    inputs, way = three_modes
    assert modes_in(inputs.astype(np.float64)).number == 3
    assert modes_in(inputs[way == 1].astype(np.float64)).number == 1


def test_a_mode_that_is_no_ellipse_takes_several_clusters():
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, np.pi, 3000)
    bent = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    far = np.full((3000, 2), 6.0)
    is_far = np.arange(3000) // 100 % 2 == 1
    readings = np.where(is_far[:, None], far, 3 * bent) + 0.1 * rng.normal(size=(3000, 2))
    assert modes_in(readings).number > 3


def test_a_reading_between_two_modes_is_nearer_to_the_pooled_mean_than_to_a_mode(three_modes):
    inputs, way = three_modes
    between = {"inputs": (inputs[way == 0].mean(axis=0) + inputs[way == 1].mean(axis=0))[None] / 2}
    normal = {"inputs": inputs}
    pooled, by_mode = fit_head("inputs", normal), fit_head("modes", normal)
    assert pooled.score(between)[0] < np.quantile(pooled.score(normal), 0.5)
    assert by_mode.score(between)[0] > 10 * by_mode.score(normal).max()


def test_codebook_measures_whitened_layers_and_plain_inputs_three_to_one(parts):
    z = of("codebook", parts)
    inputs = parts["inputs"].shape[1]
    head = fit_head("codebook", parts)
    first, second = z[:100], z[100:200]
    moved = (first - second) @ head.whitening.astype(np.float64)
    deviation = z.std(axis=0)
    step = (first - second) / deviation
    whitened = np.einsum("nd,de,ne->n", step, precision((z - z.mean(axis=0)) / deviation), step)
    plain = 3.0 * z.shape[1] / inputs * np.square(first - second)[:, :inputs].sum(axis=1)
    np.testing.assert_allclose(np.square(moved).sum(axis=1), whitened + plain, rtol=2e-3)


def test_codebook_prototypes_are_the_means_of_the_windows_nearest_to_them(parts):
    head = fit_head("codebook", parts)
    points = (of("codebook", parts) - head.mean) @ head.whitening.astype(np.float64)
    nearest = cdist(points, head.centers, "sqeuclidean")
    assert head.centers.shape[0] == len(points) // 10
    np.testing.assert_allclose(head.score(parts), nearest.min(axis=1), rtol=2e-3, atol=1e-2)
    means = [points[nearest.argmin(axis=1) == k].mean(axis=0) for k in range(len(head.centers))]
    np.testing.assert_allclose(head.centers, means, atol=1e-2)


def test_a_variable_that_drifts_counts_for_less_where_drift_is_allowed():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(2000, 3)).astype(np.float32)
    inputs[:, 1] += np.linspace(-4, 4, 2000)
    normal = {"inputs": inputs}
    strict, lenient = (fit_head("inputs", normal, allow_drift=allowed) for allowed in (False, True))
    standard = (inputs.astype(np.float64) - inputs.mean(axis=0)) / inputs.std(axis=0)
    block_means = standard.reshape(8, 250, 3).mean(axis=1)
    allowance = np.diag([0.0, 3.0 * block_means[:, 1].var(ddof=1), 0.0])
    for head, add in ((strict, 0.0), (lenient, allowance)):
        expected = np.einsum("nd,de,ne->n", standard, precision(standard, add), standard)
        np.testing.assert_allclose(head.score(normal), expected, rtol=1e-2, atol=1e-3)
    far = {"inputs": np.float32([[0, 12, 0], [4, 0, 0]]) + inputs.mean(axis=0)}
    drifting, steady = lenient.score(far) / strict.score(far)
    assert drifting < 0.4
    assert steady == pytest.approx(1.0, abs=0.05)


def test_dead_unit_does_not_make_scores_infinite(parts):
    codes = np.column_stack([parts["codes"], np.zeros(500, np.float32)])
    head = fit_head("t2", {"codes": codes})
    moved = head.score({"codes": codes + np.float32([0] * 6 + [0.5])})
    assert np.isfinite(moved).all()
    # It counts as a variable whose deviation is a hundredth of the root mean square of all.
    floor = 1e-2 * np.sqrt(codes.astype(np.float64).var(axis=0).mean())
    expected = (0.5 / floor) ** 2
    np.testing.assert_allclose(moved - head.score({"codes": codes}), expected, rtol=0.01)


def test_windows_all_alike_are_fitted_without_a_warning():
    alike = {name: np.ones((30, width), np.float32) for name, width in WIDTHS.items()}
    for kind in PARTS:
        assert np.isfinite(fit_head(kind, alike).score({name: 2 * part for name, part in alike.items()})).all(), kind


@st.composite
def heads(draw):
    """Any head of any of the forms that files hold, and parts to score."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(list(PARTS)))
    width, modes, out = sum(WIDTHS[name] for name in PARTS[kind]), draw(st.integers(1, 5)), draw(st.integers(1, 6))
    form = draw(st.sampled_from(["vector", "matrix", "prototypes", "modes"]))
    shape = {"vector": (width,), "modes": (modes, width, out)}.get(form, (width, out))
    centers = rng.normal(size=(modes, out)) if form in ("prototypes", "modes") else None
    arrays = (rng.normal(size=width), rng.normal(size=shape), centers)
    n = draw(st.integers(1, 8))
    parts = {name: (3 * rng.normal(size=(n, size))).astype(np.float32) for name, size in WIDTHS.items()}
    return Head(kind, *(None if array is None else array.astype(np.float32) for array in arrays)), parts


@settings(max_examples=200)
@given(heads())
def test_every_form_scores_by_the_one_formula(head_and_parts):
    head, parts = head_and_parts
    np.testing.assert_allclose(head.score(parts), reference_maths.scores(head, parts), rtol=1e-4, atol=1e-3)
    assert (head.distances(parts) >= 0).all()


@settings(max_examples=50)
@given(heads(), st.floats(1e-3, 1e3))
def test_scaled_head_scores_by_the_factor_and_has_the_same_nearest_centre(head_and_parts, factor):
    head, parts = head_and_parts
    scaled = head.scaled(factor)
    np.testing.assert_allclose(
        scaled.score(parts), factor * reference_maths.scores(head, parts), rtol=1e-4, atol=1e-3 * factor
    )


@settings(max_examples=50)
@given(heads())
def test_head_comes_back_from_its_arrays(head_and_parts):
    head, parts = head_and_parts
    again = Head.from_arrays(head.kind, head.arrays())
    np.testing.assert_array_equal(again.score(parts), head.score(parts))


def test_file_that_lacks_an_array_of_the_head_says_which():
    with pytest.raises(ModelFileError, match="lacks the head's mean and whitening"):
        Head.from_arrays("t2", {"head_centers": np.zeros((1, 1), np.float32)})


def test_modes_are_not_counted_again_where_their_number_is_known(three_modes):
    inputs, _ = three_modes
    assert [len(fit_head("modes", {"inputs": inputs}, modes=count).whitening) for count in (1, 2, 3)] == [1, 2, 3]
    known, counted = (fit_head("modes", {"inputs": inputs}, modes=count) for count in (3, None))
    np.testing.assert_array_equal(known.whitening, counted.whitening)
