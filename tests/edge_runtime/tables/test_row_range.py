"""--rows by rows, per cent, time since the start, and dates."""

import numpy as np
import pytest
from machines import pump_rows, write_csv

from edge_runtime.errors import RecordingError, UsageError
from edge_runtime.tables.row_range import RowRange
from training.recordings import read_recording

TIMES = np.datetime64("2026-01-01T00:00:00") + 10 * np.arange(1000).astype("timedelta64[s]")


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return write_csv(tmp_path_factory.mktemp("log") / "log.csv", pump_rows(1000), time=TIMES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (":", slice(None)),
        ("10:20", slice(10, 20)),
        ("10..", slice(10, None)),
        ("25%:75%", slice(250, 750)),
        (":12.5%", slice(None, 125)),
        ("0h:1h", slice(0, 360)),
        ("95s:", slice(10, None)),
        (":1w", slice(None, 1000)),
        ("2026-01-01T01:00..2026-01-01T02:00", slice(360, 720)),
        ("2026-01-01T02:00+01:00..", slice(360, None)),
        ("2025-01-01:2026-01-02", slice(0, 1000)),
        ("100:50%", slice(100, 500)),
    ],
)
def test_part_is_found_in_the_file(log, text, expected):
    assert RowRange.parse(text).rows(str(log)) == expected


@pytest.mark.parametrize("text", ["", "10", "20:10", "50%:25%", "5:5", "1h:30m", "a:b", "1:2:3", "101%:", "-5:", ":0"])
def test_what_is_no_part_says_what_is(text):
    with pytest.raises(UsageError, match=r"--rows: expected START"):
        RowRange.parse(text)


def test_part_in_time_needs_a_time_column(tmp_path):
    path = write_csv(tmp_path / "log.csv", pump_rows(20))
    with pytest.raises(RecordingError, match=r"has no time column.*Give rows \(0:400\) or per cent"):
        RowRange.parse("0h:1h").rows(str(path))
    assert RowRange.parse("50%:").rows(str(path)) == slice(10, None)
    with pytest.raises(UsageError, match="standard input is read only once"):
        RowRange.parse("50%:").rows("-")


def test_training_takes_the_part_of_each_file(tmp_path):
    for number, rows in enumerate((20, 100)):
        write_csv(tmp_path / f"run{number}.csv", pump_rows(rows))
    assert read_recording(tmp_path, rows=RowRange.parse("50%:")).starts == (0, 10)
    with pytest.raises(RecordingError, match=r"has no readings in rows 500:\. Expected at least one data line"):
        read_recording(tmp_path / "run0.csv", rows=RowRange.parse("500:"))


def test_file_without_rows_is_told_without_a_part(tmp_path):
    (tmp_path / "empty.csv").write_text("flow,heat\n")
    with pytest.raises(RecordingError, match=r"empty.csv has no readings\. Expected"):
        read_recording(tmp_path / "empty.csv")


def test_score_takes_a_part_in_time(saelite, model_path, log):
    result = saelite("score", model_path, log, "--rows", "1h:2h", "-o", "s.csv")
    assert "360 windows scored" in result.stdout, result.stderr
