"""Windows of a recording: those of a slow loop, thinned out evenly, or an error that says how many rows are needed."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.errors import RecordingError
from training.recordings import Recording
from training.recordings.stretches import split


@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=5),
    breaks=st.sets(st.integers(1, 149), max_size=4),
    window=st.integers(1, 4),
    stride=st.integers(1, 4),
)
def test_windows_are_those_a_slow_loop_finds(lengths, breaks, window, stride):
    lengths = [length + 3 * window + 12 for length in lengths]
    n, starts = sum(lengths), np.cumsum([0, *lengths[:-1]]).tolist()
    breaks = tuple(sorted(row for row in breaks if row < n))
    recording = Recording("r", ("a",), np.arange(n, dtype=np.float32)[:, None], starts=tuple(starts), breaks=breaks)
    try:
        parts = split(recording, window, stride, 0.25)
    except RecordingError:
        return
    expected = ([], [])
    for start, length in zip(starts, lengths, strict=True):
        cut = start + length - round(length * 0.25)
        for found, (low, high) in zip(expected, ((start, cut), (cut, start + length)), strict=True):
            edges = sorted({low, high, *(row for row in breaks if low < row < high)})
            for first, stop in itertools.pairwise(edges):
                found.extend(range(first, stop - window + 1, stride))
    for part, firsts in zip(parts, expected, strict=True):
        windows = part.take(np.arange(len(part)))[..., 0]
        assert windows[:, 0].tolist() == firsts
        assert (np.diff(windows, axis=1) == 1).all()


def test_many_windows_are_thinned_out_evenly_over_time():
    recording = Recording("r", ("a",), np.arange(100_000, dtype=np.float32)[:, None])
    train, held_out = split(recording, 2, 1, 0.25)
    firsts = train.sample(1000, np.random.default_rng(0))[:, 0, 0]
    assert len(firsts) == 1000
    assert np.abs(np.histogram(firsts, 10, (0, 75_000))[0] - 100).max() <= 1
    numbers = held_out.runs(5000)
    runs = held_out.take(numbers)[:, 0, 0]
    assert len(runs) == 4096
    assert held_out.starts(numbers).tolist() == [0, 2048]
    assert (np.diff(runs) == 1).sum() == 4094
    assert runs[-1] == 99_998


def test_too_few_rows_say_how_many_are_needed():
    with pytest.raises(RecordingError, match=r"2 rows, too few to learn from: a window of 1 needs at least"):
        split(Recording("r", ("a",), np.zeros((2, 1), np.float32)), 1, 1, 0.25)
