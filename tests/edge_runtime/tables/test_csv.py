"""CSV recordings as people write them."""

import gzip
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.errors import RecordingError
from edge_runtime.signal.missing import repair_missing
from edge_runtime.tables.csv_format import sniff_csv
from edge_runtime.tables.csv_rows import CsvRows
from edge_runtime.tables.table import is_anomalous


def read(path, names=("a", "b")):
    with CsvRows(path) as table:
        return np.concatenate([block.values for block in table.blocks(names)])


@pytest.mark.parametrize(
    "text",
    ["a,b\n1.5,2\n3,4\n", "a;b\r\n1.5;2\r\n3;4\r\n", "a\tb\n1,5\t2\n3\t4\n", "b|a\n2|1.5\n4|3\n",
     "\ufeffa,b\n1.5,2\n\n3,4",
     'a,b\n"1.5","2"\n"3","4"\n', "a;b\n1,5;2\n3;4\n", "a,b\n15e-1,2\n3,4\n"],
)  # fmt: skip
def test_separator_decimal_comma_quotes_and_order_are_found_out(tmp_path, text):
    path = tmp_path / "r.csv"
    path.write_bytes(text.encode())
    np.testing.assert_array_equal(read(path), [[1.5, 2], [3, 4]])


def test_gzip_is_found_out_whatever_the_name(tmp_path):
    path = tmp_path / "r.csv"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    np.testing.assert_array_equal(read(path), [[1, 2]])


def test_time_label_and_annotations_are_no_sensors():
    form = sniff_csv(["datetime;flow;anomaly;changepoint", "2020-03-09 10:14:33;1.0;0.0;0.0"], "skab").header
    assert form.candidates == ("flow",)
    assert (form.time_column, form.label_column) == ("datetime", "anomaly")


def test_index_column_of_a_data_frame_is_no_sensor():
    assert sniff_csv([",flow", "0,1.0"], "frame").header.candidates == ("flow",)


def test_empty_cells_are_missing_values(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("a,b\n1,\nNA,2\n")
    np.testing.assert_array_equal(read(path), [[1, np.nan], [np.nan, 2]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"a,b\n1,x\n", r"line 2, column 'b': expected a number. Received: 'x'"),
        (b"a,b\n1,2\n3\n", "line 3: expected 2 columns. Received: 1"),
        (b"1,2\n3,4\n", "no header"),
        (b"a,a\n1,2\n", "same name: a"),
        (b"a,,b,\n1,2,3,4\n", "several columns without a name"),
        (b"\xff\xfe\x00a\n", "UTF-8"),
        (b"\x1f\x8bnot gzip", "not a text file"),
    ],
)
def test_what_is_no_recording_says_why(tmp_path, content, message):
    path = tmp_path / "r.csv"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=message):
        read(path)


def test_missing_file_and_column_say_what_was_expected(tmp_path):
    with pytest.raises(RecordingError, match="no such file"):
        CsvRows(tmp_path / "none.csv")
    (tmp_path / "r.csv").write_text("a,b\n1,2\n")
    with pytest.raises(RecordingError, match=r"no column c\. Columns there: a, b"):
        read(tmp_path / "r.csv", ["c"])


@pytest.mark.parametrize("blank", [(), (0,), (1, 3), (2, 2, 4)])
def test_messages_name_the_line_of_the_file_blank_lines_and_all(tmp_path, blank):
    path = tmp_path / "r.csv"
    lines = ["1,2", "1,2", "1,2", "1,much"]
    for place in sorted(blank, reverse=True):
        lines.insert(place, "")
    path.write_text("\n".join(["a,b", *lines, ""]))
    wanted = path.read_text().split("\n").index("1,much") + 1
    with pytest.raises(RecordingError, match=f"line {wanted}, column 'b'"):
        read(path)


def test_line_numbers_go_on_over_blocks(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("a\n" + "1\n" * 10_000 + "x\n")
    with pytest.raises(RecordingError, match="line 10002"):
        read(path, ["a"])


@given(st.lists(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=2), min_size=1))
def test_numbers_come_back_as_written(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "r.csv"
    text = io.StringIO()
    text.write("a,b\n")
    text.writelines(f"{a!r},{b!r}\n" for a, b in rows)
    path.write_text(text.getvalue())
    np.testing.assert_array_equal(read(path), rows)


@pytest.mark.parametrize(("text", "anomalous"), [("1", True), ("1.0", True), ("true", True), ("leak", True),
                                                 ("0", False), ("0.0", False), ("", False), ("Normal", False)],
)  # fmt: skip
def test_labels_are_read_as_people_write_them(text, anomalous):
    assert is_anomalous(text) is anomalous


def test_held_values_continue_the_row_before():
    values = np.array([[np.nan, 1.0], [2.0, np.inf], [np.nan, 3.0]])
    held, count = repair_missing(values, "hold", "ab", last=np.array([9.0, 9.0]))
    np.testing.assert_array_equal(held, [[9, 1], [2, 1], [2, 3]])
    assert count == 3


def test_skipped_rows_are_counted():
    values, count = repair_missing(np.array([[1.0], [np.nan]]), "skip", "a")
    assert (values.tolist(), count) == ([[1.0]], 1)


def test_missing_values_are_refused_by_default():
    with pytest.raises(RecordingError, match=r"line 0: sensor 'b' has no value \(1 row like this\).*--on-missing"):
        repair_missing(np.array([[1.0, np.nan]]), "error", "ab", place="line {}".format)
