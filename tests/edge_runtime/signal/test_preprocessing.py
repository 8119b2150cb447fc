"""Windows and scaling: the stream gives the numbers of the batch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.errors import InputShapeError
from edge_runtime.signal.preprocessing import Preprocessing
from edge_runtime.signal.windows import WindowBuffer, as_windows, sliding_windows

sizes = st.integers(1, 6)


@given(n=st.integers(0, 40), window=sizes, stride=sizes, sensors=sizes)
def test_streamed_windows_are_the_batch_windows(n, window, stride, sensors):
    rows = np.arange(n * sensors, dtype=np.float32).reshape(n, sensors)
    buffer = WindowBuffer(window, stride, sensors)
    streamed = [due.copy() for due in map(buffer.push, rows) if due is not None]
    batch = sliding_windows(rows, window, stride)
    assert len(streamed) == len(batch)
    for one, other in zip(streamed, batch, strict=True):
        np.testing.assert_array_equal(one, other)


def test_window_of_the_buffer_is_contiguous():
    buffer = WindowBuffer(3, 1, 2)
    due = [buffer.push([number, number]) for number in range(8)]
    assert all(window.flags.c_contiguous for window in due if window is not None)


def test_cleared_buffer_waits_for_a_whole_window_again():
    buffer = WindowBuffer(2, 1, 1)
    buffer.push([1.0])
    buffer.push([2.0])
    buffer.clear()
    assert buffer.push([3.0]) is None
    assert buffer.push([4.0]).ravel().tolist() == [3.0, 4.0]


def test_scaling_centres_and_divides_each_sensor():
    preprocessing = Preprocessing("standard", (10.0, -1.0), (2.0, 0.5), window=2)
    windows = np.array([[[12.0, -1.0], [8.0, 0.0]]], np.float32)
    np.testing.assert_allclose(preprocessing.transform(windows), [[1.0, 0.0, -1.0, 2.0]])


@pytest.mark.parametrize("shape", [(5, 3, 2), (5, 6)])
def test_windows_come_flat_or_by_reading(shape):
    values = np.arange(30.0).reshape(shape)
    assert as_windows(values, 3, 2).shape == (5, 3, 2)


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int32, np.uint8, bool])
def test_any_real_dtype_and_layout_is_taken(dtype):
    values = np.ones((4, 2, 6), dtype).transpose(0, 2, 1)[:, ::2]
    windows = as_windows(values, 3, 2)
    assert windows.dtype == np.float32
    assert windows.flags.c_contiguous


@pytest.mark.parametrize("values", [np.zeros((5, 2, 3)), np.zeros((5, 7)), np.zeros(6), 3.0])
def test_wrong_shape_says_what_came(values):
    with pytest.raises(InputShapeError, match=r"expected windows of shape \(n, 3, 2\).*Received: shape"):
        as_windows(values, 3, 2)


def test_text_is_no_window():
    with pytest.raises(InputShapeError, match="real numbers"):
        as_windows([["a", "b"]], 1, 2)
