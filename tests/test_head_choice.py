"""Choosing a head: faults are what their names say, and the head that sees them best is taken."""

import numpy as np
import pytest
from training.faults import FAULTS, with_fault
from training.head_choice import _cheapest_of_the_best, choose_head

from edge_runtime.heads import PARTS, Head
from edge_runtime.preprocessing import Preprocessing

PREPROCESSING = Preprocessing("standard", (0.0,) * 3, (1.0,) * 3, window=2)


@pytest.fixture
def windows():
    return np.random.default_rng(0).normal(size=(400, 2, 3)).astype(np.float32)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_changes_one_sensor_alone(fault, windows):
    faulty = with_fault(fault, windows, 1, np.random.default_rng(0))
    np.testing.assert_array_equal(faulty[:, :, [0, 2]], windows[:, :, [0, 2]])
    assert not np.array_equal(faulty[:, :, 1], windows[:, :, 1])


def test_a_stuck_sensor_does_not_move_and_a_broken_correlation_keeps_the_values(windows):
    rng = np.random.default_rng(0)
    assert np.ptp(with_fault("stuck", windows, 0, rng)[:, :, 0]) == 0
    shuffled = with_fault("broken correlation", windows, 0, rng)[:, :, 0]
    np.testing.assert_array_equal(np.sort(shuffled.ravel()), np.sort(windows[:, :, 0].ravel()))


def choice(make_parts, windows):
    return choose_head(make_parts, make_parts(windows[:200]), windows[200:], PREPROCESSING, smoothing_span=5)


def parts_seen_by(*seeing):
    """Return parts of which only some hold the inputs; the others are noise."""

    def make_parts(windows):
        inputs = windows.reshape(len(windows), -1)
        noise = np.random.default_rng(len(inputs)).normal(size=inputs.shape).astype(np.float32)
        return {name: inputs if name in seeing else noise for name in ("inputs", "hidden", "codes", "residual")}

    return make_parts


def test_head_that_sees_the_faults_is_chosen_and_the_reason_names_all(windows):
    chosen, head = choice(parts_seen_by("residual"), windows)
    assert chosen.head == head.kind
    assert "residual" in PARTS[chosen.head]
    assert all(kind in chosen.reason() for kind in PARTS)


def test_of_heads_that_are_as_good_the_cheapest_is_chosen():
    widths = {"t2": 4, "t2x": 6, "joint": 6, "spe": 2}
    heads = {kind: Head(kind, np.zeros(width), np.eye(width)) for kind, width in widths.items()}
    roc_auc = {"t2": 0.88, "t2x": 0.896, "joint": 0.9, "spe": 0.895}
    assert _cheapest_of_the_best({kind: {"bias": value} for kind, value in roc_auc.items()}, heads) == "t2x"
