"""CSV recordings as people write them."""

import gzip
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.errors import RecordingError
from edge_runtime.tables import csv_table
from edge_runtime.tables.csv_format import sniff_csv
from edge_runtime.tables.csv_table import CsvTable
from edge_runtime.tables.table import is_anomalous


def read(path, names=("a", "b")):
    with CsvTable(path) as table:
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
        (b"a,b\n1,x\n2,y\n", r"line 2: column 'b': expected a number. Received: 'x'"),
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
        CsvTable(tmp_path / "none.csv")
    (tmp_path / "r.csv").write_text("a,b\n1,2\n")
    with pytest.raises(RecordingError, match=r"no column c\. Columns there: a, b"):
        read(tmp_path / "r.csv", ["c"])


def complaints(path, names=("a", "b")):
    with CsvTable(path) as table:
        return [(block.complaint, block.lost) for block in table.blocks(names) if block.complaint]


def test_what_is_not_a_number_is_a_missing_value_and_said(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("a,b\n1,2\n3,x\n5,1_0\n")
    np.testing.assert_array_equal(read(path), [[1, 2], [3, np.nan], [5, np.nan]])
    assert complaints(path) == [(f"{path}, line 3: column 'b': expected a number. Received: 'x'", 0)]


def test_lines_of_another_width_are_left_out_and_said(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("a,b\n1,2\n3\n4,5,6\n7,8,,\n")
    np.testing.assert_array_equal(read(path), [[1, 2], [7, 8]])
    assert complaints(path) == [(f"{path}, line 3: expected 2 columns. Received: '3'", 2)]


def test_header_that_comes_again_is_left_out(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("a,b\n1,2\na,b\n3,4\n")
    np.testing.assert_array_equal(read(path), [[1, 2], [3, 4]])


@pytest.mark.parametrize("left_out", [(), (0,), (1, 3), (2, 2, 4)])
@pytest.mark.parametrize("line", ["", "7"])
def test_places_are_lines_of_the_file_whatever_was_left_out(tmp_path, left_out, line):
    path = tmp_path / "r.csv"
    lines = [f"{row},{row}" for row in range(4)]
    for place in sorted(left_out, reverse=True):
        lines.insert(place, line)
    path.write_text("\n".join(["a,b", *lines, ""]))
    with CsvTable(path) as table:
        rows = np.concatenate([block.values for block in table.blocks(("a",))])
        places = [table.place(row) for row in range(4)]
    assert rows.ravel().tolist() == [0, 1, 2, 3]
    assert places == [f"line {path.read_text().splitlines().index(f'{row},{row}') + 1}" for row in range(4)]


def test_places_go_on_over_blocks(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("a\n" + "1\n" * 10_000 + "x\n")
    assert complaints(path, ["a"])[0][0].endswith("line 10002: column 'a': expected a number. Received: 'x'")


@pytest.mark.parametrize("spoilt", [None, 1500, 10])
@pytest.mark.parametrize("bad", ["", "1,2", "1,2,wet", "1,2,"])
def test_large_files_are_read_the_same_by_polars_and_line_by_line(tmp_path, monkeypatch, spoilt, bad):
    pytest.importorskip("polars")
    monkeypatch.setattr(csv_table, "_LARGE_BLOCK_LINES", 500)
    path, rng = tmp_path / "r.csv", np.random.default_rng(0)
    lines = [f"{time},{one!r},{two!r}" for time, (one, two) in enumerate(rng.normal(size=(2500, 2)).tolist())]
    if spoilt is not None:
        lines[spoilt] = bad
    path.write_text("\n".join(["time,a,b", *lines, ""]))
    found = []
    for smallest in (1, 10**12):
        monkeypatch.setattr(csv_table, "_LARGE_FILE_BYTES", smallest)
        with CsvTable(path) as table:
            blocks = list(table.blocks(("b", "a"), ("time",)))
            place = table.place(2400)
        texts = [text for block in blocks for text in block.texts[0]]
        said = [(block.lost, block.complaint) for block in blocks if block.lost or block.complaint]
        found.append((np.concatenate([block.values for block in blocks]), texts, said, place))
    fast, slow = found
    np.testing.assert_array_equal(fast[0], slow[0])
    assert fast[1:] == slow[1:]


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
