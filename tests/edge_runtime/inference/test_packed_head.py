"""The head in integers: against the head it was made of, and against Python's own integers."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from edge_runtime.errors import ModelFileError
from edge_runtime.fitting.packing import _FINEST, LARGEST_COARSE, _triangle, factor_bytes, fine_columns, pack
from edge_runtime.inference.heads import PARTS
from edge_runtime.inference.packed_head import LARGEST, PackedHead, read_head
from edge_runtime.refitting.held_heads import held
from edge_runtime.refitting.prototypes import prototypes_of
from edge_runtime.verification.parity import roc_auc
from export.fitting.fit_heads import fit_head

WHITENED = [kind for kind in PARTS if kind != "spe"]


@pytest.fixture(scope="module")
def parts():
    """Six inputs of three causes, a hidden layer with a dead unit, and codes close to 1."""
    rng = np.random.default_rng(3)
    causes = rng.normal(size=(800, 3)) + np.repeat([[0, 0, 0], [8, 0, -8]], 400, axis=0)
    inputs = causes @ rng.normal(size=(3, 6)) + 0.05 * rng.normal(size=(800, 6))
    hidden = np.maximum(inputs @ rng.normal(size=(6, 8)), 0.0)
    hidden[:, 3] = 0.0
    codes = 1 / (1 + np.exp(-0.1 * hidden @ rng.normal(size=(8, 4)) - 4))
    residual = inputs - causes @ np.linalg.lstsq(causes, inputs, rcond=None)[0]
    named = {"inputs": inputs, "hidden": hidden, "codes": codes, "residual": residual}
    return {name: values.astype(np.float32) for name, values in named.items()}


@pytest.fixture(scope="module", params=WHITENED)
def pair(request, parts):
    """A head, and the same head in integers."""
    head = fit_head(request.param, parts, modes=2)
    return head, pack(head)


def test_scores_are_those_of_the_head_it_was_made_of(pair, parts):
    head, packed = pair
    rows = head.rows(parts).astype(np.float64)
    wanted, found = head.score_rows(rows), packed.score_rows(rows)
    assert (np.abs(found - wanted) < 0.1 * (wanted + wanted.mean())).all()
    far = np.concatenate([rows, rows + rows.std(axis=0) * np.random.default_rng(1).normal(size=rows.shape)])
    is_far = np.arange(len(far)) >= len(rows)
    areas = [roc_auc(one.score_rows(far), is_far) for one in pair]
    assert areas[0] - areas[1] < 0.002
    assert found.dtype == np.float32


def test_its_last_columns_have_8_bits_and_all_have_sums_of_32(pair):
    head, packed = pair
    fine = factor_bytes(head.kind, head.width) - packed.factor.shape[-1]
    assert np.abs(packed.factor[..., fine:]).max(initial=0) <= LARGEST_COARSE
    assert (np.abs(packed.factor[..., :fine]).max(initial=0) > LARGEST_COARSE) == (fine > 0)
    assert LARGEST * packed.column_sums().max() < 2**31


@pytest.mark.parametrize("kind", ["inputs", "t2x", "joint", "deep", "codebook", "modes"])
def test_constants_take_a_quarter_of_a_dense_matrix_of_floats(kind):
    shares = [(factor_bytes(kind, d) + 6 * d + d % 2) / (4 * d * (d + 1)) for d in range(12, 400)]
    assert max(shares) <= 0.25
    assert min(shares) > 0.125


def test_leading_columns_have_16_bits_in_twos():
    assert [fine_columns("t2", width) for width in (1, 4, 5)] == [0, 4, 4]
    assert all(fine_columns("t2x", width) % 2 == 0 for width in range(1, 200))


def test_8_bits_are_rounded_together():
    """Each element on its own moves the distances of forty sensors of four causes several times as far."""
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(2000, 4)) @ rng.normal(size=(4, 40)) + 0.1 * rng.normal(size=(2000, 40))
    head = fit_head("inputs", {"inputs": rows.astype(np.float32)})
    packed, wanted = pack(head), head.score_rows(rows)
    exact = _triangle(head.whitening.astype(np.float64)).factor
    column, row = np.triu_indices(40)
    bits = packed.shift + _FINEST
    alone = replace(packed, factor=np.rint(np.ldexp(exact, bits))[row, column].astype(np.int16))
    errors = [np.abs(one.score_rows(rows) / wanted - 1).mean() for one in (packed, alone)]
    assert errors[0] < 0.02
    assert errors[0] < errors[1] / 5


def exact_score(head, row):
    """The formula in Python's integers, which cannot overflow, from the first column to the last."""
    modes, d = head.modes, head.width
    mean, gain = head.mean.reshape(modes, d), head.gain.reshape(modes, d)
    factor, shift = head.factor.reshape(modes, -1).tolist(), head.shift.reshape(modes, d).tolist()
    sums = []
    for mode in range(modes):
        u = [rounded(value) for value in ((row.astype(np.float32) - mean[mode]) * gain[mode]).tolist()]
        cells, whitened = iter(factor[mode]), []
        for column in range(d):
            total = sum(u[line] * next(cells) for line in range(column, d))
            assert abs(total) < 2**63
            whitened.append(math.floor(Fraction(total, 2 ** shift[mode][column]) + Fraction(1, 2)))
        centers = [[0] * d] if head.centers is None else head.centers.tolist()
        sums += [sum((w - c) ** 2 for w, c in zip(whitened, center, strict=True)) for center in centers]
        assert all(abs(w) < 2**31 for w in whitened)
    assert max(sums) < 2**63
    return np.float32(min(sums)) * np.float32(head.unit)


def rounded(value):
    if not value < LARGEST:
        return LARGEST
    return int(np.float32(max(value, -LARGEST)) + np.float32(LARGEST + 1.5)) - LARGEST - 1


def test_every_score_is_that_of_exact_integers(pair, parts):
    head, packed = pair
    rows = head.rows(parts)[::40]
    for scale in (1.0, 30.0, 1e6, 1e30):
        scaled = rows * np.float32(scale)
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(packed.score_rows(scaled), [exact_score(packed, row) for row in scaled])


def test_no_row_overflows(pair):
    _, packed = pair
    d = packed.width
    rows = np.array([np.full(d, value) for value in (np.inf, -np.inf, np.nan, 3e38, -3e38)], np.float32)
    corners = np.random.default_rng(0).choice([-3e38, 3e38], size=(200, d)).astype(np.float32)
    scores = packed.score_rows(np.concatenate([rows, corners]))
    assert np.isfinite(scores).all()
    assert (scores > 100 * packed.score_rows(packed.unpacked().mean[None])).all()


def test_a_scaled_head_has_the_same_integers(pair, parts):
    head, packed = pair
    rows = head.rows(parts)
    scaled = packed.scaled(0.25)
    np.testing.assert_array_equal(scaled.score_rows(rows), packed.score_rows(rows) * np.float32(0.25))
    np.testing.assert_array_equal(scaled.factor, packed.factor)


def test_unpacked_it_scores_as_before(pair, parts):
    head, packed = pair
    rows = head.rows(parts).astype(np.float64)
    wanted = packed.score_rows(rows)
    assert (np.abs(packed.unpacked().score_rows(rows) - wanted) < 0.1 * (wanted + wanted.mean())).all()


def test_a_file_gives_it_back(pair, parts):
    packed = pair[1]
    arrays = {name: array.astype(np.float32) for name, array in packed.arrays().items()}
    again = read_head(packed.kind, arrays)
    assert isinstance(again, PackedHead)
    np.testing.assert_array_equal(again.score(parts), packed.score(parts))
    assert again.factor.dtype == np.int16


def test_a_file_without_one_of_its_arrays_is_refused(pair):
    arrays = pair[1].arrays()
    del arrays["head_gain"]
    with pytest.raises(ModelFileError, match="lacks the head's head_gain"):
        read_head(pair[1].kind, arrays)


@pytest.mark.parametrize("kind", ["codebook", "modes"])
def test_prototypes_and_modes_are_found_again(parts, kind):
    head = fit_head(kind, parts, modes=2)
    wanted, found = prototypes_of(head), prototypes_of(pack(head).unpacked())
    # The rows of a dead unit are nowhere in particular.
    spread = head.rows(parts).std(axis=0)
    np.testing.assert_allclose(found[:, spread > 0], wanted[:, spread > 0], atol=0.05 * spread.max())


def test_a_head_held_in_a_larger_one_keeps_its_scores(parts):
    small, large = fit_head("inputs", parts), fit_head("codebook", parts)
    rows = large.rows(parts)
    wanted = small.score({"inputs": parts["inputs"]})
    np.testing.assert_allclose(pack(held(small, large)).score_rows(rows), wanted, rtol=0.06, atol=0.02)


def test_a_head_without_a_matrix_stays_as_it_is():
    head = fit_head("spe", {"inputs": np.ones((20, 2)), "residual": np.ones((20, 2), np.float32)})
    assert pack(head) is head


def test_sums_that_could_overflow_are_found(pair):
    packed = pair[1]
    assert not packed.problem()
    least = np.ones_like(packed.shift)
    assert "up to" in replace(packed, shift=least, factor=np.full_like(packed.factor, LARGEST)).problem()
    assert replace(packed, shift=least * 0).problem() == "shifts from 0 to 0"


def test_wide_and_nearly_singular_heads_are_coarser_but_still_fit():
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(900, 3)) @ rng.normal(size=(3, 300)) + 1e-5 * rng.normal(size=(900, 300))
    head = fit_head("inputs", {"inputs": rows})
    packed = pack(head)
    assert not packed.problem()
    assert LARGEST * packed.column_sums().max() < 2**31
    assert np.corrcoef(head.score_rows(rows), packed.score_rows(rows))[0, 1] > 0.9
