"""Normal readings in bounded memory: the windows of all of them, or of pieces spread over the whole time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.refitting import normal_readings
from edge_runtime.refitting.normal_readings import NormalReadings, Shape
from edge_runtime.signal.windows import sliding_windows


def counted(n, sensors=2):
    """Readings that say which they are."""
    return np.repeat(np.arange(n, dtype=np.float32)[:, None], sensors, axis=1)


@given(
    st.integers(1, 5), st.integers(1, 4), st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=6)
)
def test_windows_are_those_of_the_stretches_without_a_gap(window, stride, added):
    shape, start = Shape(window, stride, 2), 0
    normal, stretches = NormalReadings(shape), []
    for count, follows in added:
        rows = counted(1000)[start : start + count]
        start += count
        normal.add(rows, follows=follows)
        if follows and stretches:
            stretches[-1] = np.concatenate([stretches[-1], rows])
        else:
            stretches.append(rows)
    expected = np.concatenate([sliding_windows(rows, window, stride) for rows in stretches])
    windows = normal.windows()
    assert windows.shape == expected.shape
    np.testing.assert_array_equal(windows[:], expected)
    np.testing.assert_array_equal(windows[1:3], expected[1:3])
    np.testing.assert_array_equal(np.concatenate([expected[:0], *windows.blocks()]), expected)


@pytest.fixture
def small_memory(monkeypatch):
    """Room for 1,000 readings of two sensors, in pieces of 62."""
    monkeypatch.setattr(normal_readings, "MOST_BYTES", 8 * 1000)


@pytest.mark.usefixtures("small_memory")
@pytest.mark.parametrize("block", [1, 7, 5000])
def test_what_is_kept_is_bounded_and_spread_over_the_whole_time(block):
    normal, rows = NormalReadings(Shape(3, 1, 2)), counted(20_000)
    for start in range(0, len(rows), block):
        normal.add(rows[start : start + block], follows=start > 0)
    kept = np.concatenate([piece.values[:, 0] for piece in normal.pieces()])
    assert normal.seen == 20_000
    assert 400 < len(kept) <= 1000 + normal.shape.piece
    assert (np.diff(kept) > 0).all()
    # Every tenth of the time has its share.
    shares = np.histogram(kept, bins=10, range=(0, 20_000))[0] / len(kept)
    assert shares.min() > 0.02


@pytest.mark.usefixtures("small_memory")
def test_no_window_spans_readings_that_were_let_go():
    normal = NormalReadings(Shape(3, 1, 2))
    normal.add(counted(20_000), follows=False)
    windows = normal.windows()[:][:, :, 0]
    assert len(windows) > 300
    assert (np.diff(windows, axis=1) == 1).all()


@pytest.mark.usefixtures("small_memory")
def test_pieces_added_again_are_kept_again():
    normal, again = NormalReadings(Shape(3, 1, 2)), NormalReadings(Shape(3, 1, 2))
    normal.add(counted(900), follows=False)
    for values, follows in normal.pieces():
        again.add(values, follows=follows)
    np.testing.assert_array_equal(again.windows()[:], normal.windows()[:])


def test_first_window_after_a_gap_does_not_follow_the_one_before():
    normal = NormalReadings(Shape(3, 1, 1))
    for rows in (10, 2, 5):  # two readings are no window
        normal.add(counted(rows, 1), follows=False)
    assert normal.windows().starts.tolist() == [0, 8]
