"""Small versions of the long measurements: fuzz.py, kill_check.py and csv_pipe_rate.py print the full ones."""

from fuzz import fuzz_messages, fuzz_models, fuzz_serial, fuzz_sources
from kill_check import ages_after_kills

from edge_runtime import Detector
from edge_runtime.tables.lines import LONGEST_LINE, LineSplitter


def test_anything_into_a_source_gives_readings_or_an_error_of_ours(model_path):
    assert fuzz_sources(Detector.load(model_path), 300) > 100


def test_anything_on_a_serial_port_or_in_messages_gives_readings_or_an_error_of_ours(model_path):
    detector = Detector.load(model_path)
    assert fuzz_serial(detector, 100) > 50
    assert fuzz_messages(detector, 100) > 50


def test_damaged_model_files_give_an_error_of_ours(exported, tmp_path):
    assert fuzz_models(exported, tmp_path, 300) > 100


def test_state_is_whole_and_fresh_after_kills_at_random_moments():
    # Ten times the interval of the long measurement: a busy machine with a slow disk is no failure.
    assert max(ages_after_kills(5, interval_s=1.0)) <= 1.0


def test_endless_line_is_dropped_in_bounded_memory():
    splitter = LineSplitter()
    for _ in range(160):
        assert splitter.feed(b"7" * LONGEST_LINE) == []
        assert len(splitter._rest) <= LONGEST_LINE
    assert splitter.feed(b"7\n1,2\n") == ["1,2"]
    assert splitter.lost == 1
