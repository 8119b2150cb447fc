"""Faulty minutes among the normal windows: left out of the fit once, kept where they are a way of working."""

import numpy as np
import pytest

from edge_runtime.fitting.outliers import usual_windows


@pytest.fixture
def inputs():
    return np.random.default_rng(0).normal(size=(2000, 5)).astype(np.float32)


def test_normal_windows_are_all_usual(inputs):
    assert usual_windows([inputs]).mean() > 0.999


def test_faulty_minutes_are_left_out(inputs):
    inputs[700:790] += 40
    usual = usual_windows([inputs])
    assert not usual[700:790].any()
    assert np.delete(usual, np.s_[700:790]).mean() > 0.999


def test_what_comes_again_and_again_is_a_way_of_working(inputs):
    for start in range(100, 2000, 400):
        inputs[start : start + 20] += 40
    assert usual_windows([inputs]).all()


def test_bursts_that_come_three_times_are_a_way_of_working(inputs):
    for start in (100, 300, 500):
        inputs[start : start + 20] += 40
    assert usual_windows([inputs]).all()


def test_an_accident_that_happens_twice_is_left_out(inputs):
    for start in (100, 300):
        inputs[start : start + 20] += 40
    assert not usual_windows([inputs])[[110, 310]].any()


def test_more_than_a_tenth_is_never_left_out(inputs):
    inputs[:600] += 40
    assert usual_windows([inputs]).mean() >= 0.9


def test_too_few_windows_are_all_fitted_on(inputs):
    assert usual_windows([inputs[:12]]).all()
