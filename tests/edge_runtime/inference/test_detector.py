"""The detector on the device: streams, batches, explanations, and what it refuses."""

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from machines import SENSORS, pump_rows

from edge_runtime import Detector
from edge_runtime.errors import InputShapeError, RuntimeUnavailableError, UsageError
from edge_runtime.inference.batching import FixedBatch
from edge_runtime.inference.runtimes import find_runtime
from edge_runtime.model_file.container import read_model_file
from edge_runtime.signal.smoothing import Smoother
from edge_runtime.signal.windows import sliding_windows


@pytest.fixture
def detector(model_path):
    return Detector.load(model_path)


@pytest.fixture
def stream(detector):
    return detector.stream()


@pytest.fixture(scope="module")
def rows():
    return pump_rows(400, seed=5)


def test_stream_waits_for_its_window_then_scores_every_reading(stream, rows):
    results = [stream.update(row) for row in rows[:10]]
    assert results[:2] == [None, None]
    assert all(result is not None for result in results[2:])


def test_stream_gives_the_smoothed_scores_of_the_batch(detector, stream, rows):
    streamed = [result.score for result in map(stream.update, rows) if result is not None]
    batch = Smoother(detector.spec.scoring.smoothing_span, 1.0).update_many(
        detector.score_many(sliding_windows(rows, 3))
    )
    np.testing.assert_allclose(streamed, batch, rtol=1e-4)


@pytest.mark.parametrize("cuts", [(), (1,), (2, 3), (100, 101, 399), (0, 200)])
def test_blocks_give_the_results_of_single_readings(detector, stream, rows, cuts):
    streamed = [result.score for result in map(stream.update, rows) if result is not None]
    in_blocks, starts = detector.stream(), (0, *cuts)
    blocks = [in_blocks.update_many(block) for block in np.split(rows, cuts)]
    np.testing.assert_allclose(np.concatenate([block.scores for block in blocks]), streamed, rtol=1e-4)
    ends = [start + block.ends for start, block in zip(starts, blocks, strict=True)]
    assert np.concatenate(ends).tolist() == list(range(2, 400))


def test_single_readings_and_blocks_may_alternate(detector, stream, rows):
    whole = stream.update_many(rows)
    mixed = detector.stream()
    first = [result.score for row in rows[:101] if (result := mixed.update(row)) is not None]
    block = mixed.update_many(rows[101:350])
    last = [mixed.update(row).score for row in rows[350:]]
    np.testing.assert_allclose([*first, *block.scores, *last], whole.scores, rtol=1e-4)


def test_streams_of_several_threads_share_a_detector_and_never_their_readings(detector):
    machines = [pump_rows(300, seed=seed) for seed in range(8)]
    alone = [[detector.stream().update_many(rows).scores.tolist()] for rows in machines]

    def watch(rows):
        stream = detector.stream()
        return [result.score for row in rows if (result := stream.update(row)) is not None]

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(watch, machines))
    for scores, (expected,) in zip(together, alone, strict=True):
        np.testing.assert_allclose(scores, expected, rtol=1e-4)


def test_readings_come_as_list_dict_or_array(stream, rows):
    by_array = [stream.update(row) for row in rows[:4]][-1]
    stream.reset()
    by_list = [stream.update(row.tolist()) for row in rows[:4]][-1]
    stream.reset()
    by_name = [stream.update(dict(zip(reversed(SENSORS), reversed(row.tolist()), strict=True))) for row in rows[:4]][-1]
    assert by_array == by_list == by_name


def test_an_odd_sensor_raises_the_score_and_takes_the_blame(detector, rows):
    windows = sliding_windows(rows, 3).copy()
    windows[:, :, 1] += 30_000
    assert (detector.score_many(windows) > detector.score_many(sliding_windows(rows, 3))).mean() > 0.95
    blame = detector.explain(windows[0])
    assert max(blame, key=blame.get) == "pressure"


def test_stream_explains_its_last_window(detector, stream, rows):
    with pytest.raises(UsageError, match="nothing to explain"):
        stream.explain()
    for row in rows[:5]:
        stream.update(row)
    assert stream.explain() == detector.explain(rows[2:5])


@pytest.mark.parametrize("reading", [[1.0, 2.0], list("abcd"), [None] * 4, [1, 2, 3, float("inf")], 3.0])
def test_what_is_not_a_reading_is_refused(stream, reading):
    with pytest.raises(InputShapeError, match="Received"):
        stream.update(reading)


@pytest.mark.parametrize("readings", [[1.0, 2.0], [[1.0, 2.0]], [[1.0, 2.0, 3.0, float("nan")]]])
def test_what_are_not_readings_is_refused(stream, readings):
    with pytest.raises(InputShapeError, match="Received"):
        stream.update_many(readings)


def test_reading_without_a_sensor_names_it(stream):
    with pytest.raises(InputShapeError, match="vibration"):
        stream.update({"flow": 1, "pressure": 2, "current": 3})


def test_empty_batch_gives_no_scores(detector):
    assert detector.score_many(np.empty((0, 3, 4))).shape == (0,)
    assert detector.encode(np.empty((0, 3, 4))).shape == (0, 12)


@pytest.mark.parametrize("n", [1, 2, 255, 256, 257, 600])
def test_batches_of_any_size_give_single_scores(detector, n):
    windows = sliding_windows(pump_rows(n + 2, seed=7), 3)
    np.testing.assert_allclose(detector.score_many(windows), [detector.score(window) for window in windows], rtol=1e-4)


def test_eight_threads_get_the_scores_of_one(detector):
    windows = np.ascontiguousarray(sliding_windows(pump_rows(802), 3))
    alone = [detector.score(window) for window in windows]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(detector.score, windows)) == alone


def test_windows_come_as_lists_dicts_and_any_real_array(detector, rows):
    window = rows[:3]
    expected = detector.score(window)
    by_name = [dict(zip(SENSORS, reading.tolist(), strict=True)) for reading in window]
    spread = np.zeros((6, 8), np.float64)
    spread[::2, ::2] = window
    for form in (window.tolist(), by_name, window.astype(np.float64), np.asfortranarray(window), spread[::2, ::2]):
        assert detector.score(form) == expected
    rounded = np.rint(window)
    assert detector.score(rounded.astype(np.int64)) == detector.score(rounded)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_window_with_no_number_in_it_is_refused(detector, rows, value):
    window = rows[:3].copy()
    window[1, 2] = value
    with pytest.raises(InputShapeError, match="finite numbers"):
        detector.score(window)
    for n in (2, 20, 1500):  # with batches of any size, and outputs with or without the score among them
        windows = np.tile(rows[:3], (n, 1, 1))
        windows[n // 2, 1, 2] = value
        for many in (detector.score_many, detector.encode):
            with pytest.raises(InputShapeError, match="finite numbers"):
                many(windows)


@pytest.mark.parametrize("runtime", ["auto", "numpy"])
@pytest.mark.parametrize("batch", [1, 32])
def test_graph_itself_gives_no_score_where_a_value_is_missing(model_path, rows, runtime, batch):
    # For hosts in other languages, which have the graph alone: int8 would turn NaN into some code.
    model = read_model_file(model_path)
    graph = FixedBatch(partial(find_runtime(runtime).open, model.flatbuffer), batch)
    for reading, sensor in np.ndindex(3, 4):
        for value in (np.nan, np.inf, -np.inf, 3e38):
            windows = np.tile(rows[:3], (batch, 1, 1))
            windows[-1, reading, sensor] = value
            graph.invoke(windows)
            scores = graph.get("score")
            assert np.isnan(scores[-1]) == (not np.isfinite(value))
            assert np.isfinite(scores[:-1]).all()


def test_values_whose_squares_overflow_are_scored_all_the_same(detector, rows):
    assert np.isfinite(detector.score(rows[:3] + np.float32(1e30)))


@pytest.mark.parametrize("window", [[["a"] * 4] * 3, 1.0, [[1.0, 2.0]], None, {"flow": 1.0}])
def test_what_is_no_window_is_refused(detector, window):
    with pytest.raises(InputShapeError, match="Received"):
        detector.score(window)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("num_threads", [1, 2])
def test_forked_process_scores_as_its_parent(model_path, tmp_path, num_threads):
    # In a process of its own: tensorflow's threads, loaded in this one, do not survive a fork.
    script = tmp_path / "fork.py"
    script.write_text(
        f"""
import os, threading
import numpy as np
from edge_runtime import Detector

detector = Detector.load({str(model_path)!r}, num_threads={num_threads})
windows = np.tile(np.float32([30, 101325, 1.2, 0.002]), (100, 3, 1)) * np.linspace(0.9, 1.1, 100, dtype=np.float32)[
    :, None, None
]
expected = detector.score_many(windows).tolist()
held = threading.Event()
threading.Thread(target=lambda: (detector._lock.acquire(), held.set(), threading.Event().wait()), daemon=True).start()
held.wait()
child = os.fork()
if not child:
    # The parent's thread holds the lock for ever; the child has its own.
    same = detector.score_many(windows).tolist() == expected and detector.score(windows[0]) > 0
    os._exit(0 if same else 1)
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    )
    assert subprocess.run([sys.executable, "-W", "ignore", str(script)], timeout=60, check=False).returncode == 0


def test_pickling_says_what_to_do_instead(detector):
    with pytest.raises(TypeError, match="load it on the other side"):
        pickle.dumps(detector)


def test_unknown_runtime_and_threads_are_refused(model_path):
    with pytest.raises(RuntimeUnavailableError, match="expected one of auto"):
        Detector.load(model_path, runtime="onnx")
    with pytest.raises(UsageError, match="num_threads"):
        Detector.load(model_path, num_threads=0)


def test_runtime_is_chosen_by_the_environment(model_path, monkeypatch):
    monkeypatch.setenv("SAELITE_RUNTIME", "numpy")
    assert Detector.load(model_path).runtime.name == "numpy"
