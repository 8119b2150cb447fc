"""Recordings that would fill the memory are refused before they do."""

import gzip
import resource
import subprocess
import sys

import numpy as np
import pytest

from edge_runtime.errors import RecordingError
from edge_runtime.tables.csv_table import CsvTable
from edge_runtime.tables.open_table import open_table


def read(path):
    """Read a recording whole."""
    with open_table(path) as table:
        return sum(len(block.values) for block in table.blocks(table.header.candidates))


def peak_mb_of_reading(path):
    """Return the memory that a process of its own needs to read it, and what it said."""
    code = (
        "import sys\nfrom edge_runtime.tables.open_table import open_table\n"
        "from edge_runtime.errors import SaeliteError\n"
        "try:\n    table = open_table(sys.argv[1])\n"
        "    for block in table.blocks(table.header.candidates): pass\n"
        "except SaeliteError as error: print(error)\n"
        "print(int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) // 1024)"
    )
    limited = (resource.RLIMIT_AS, (4 << 30, 4 << 30))
    process = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(*limited),
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    *said, peak = process.stdout.splitlines()
    return int(peak), "\n".join(said)


def test_endless_line_in_a_packed_file_takes_no_memory(tmp_path):
    with gzip.open(tmp_path / "a.csv.gz", "wb") as file:
        for _ in range(300):
            file.write(b"7" * 1_000_000)
    peak, said = peak_mb_of_reading(tmp_path / "a.csv.gz")
    assert "line longer than 1024 kB" in said
    assert peak < 150


def test_endless_line_after_a_good_start_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n" + "1,2\n" * 100 + "1" * 3_000_000)
    with pytest.raises(RecordingError, match="SAELITE_MAX_LINE_KB"):
        read(tmp_path / "a.csv")


def test_file_that_unpacks_to_hundreds_of_times_itself_is_refused(tmp_path, monkeypatch):
    with gzip.open(tmp_path / "a.csv.gz", "wb") as file:
        file.write(b"a,b\n" + b"1,2\n" * 30_000_000)
    with pytest.raises(RecordingError, match="SAELITE_MAX_UNPACKING"):
        read(tmp_path / "a.csv.gz")
    monkeypatch.setattr("edge_runtime.tables.csv_table._ALWAYS_UNPACKED", 1)
    np.savetxt(tmp_path / "b.csv.gz", np.random.default_rng(0).normal(size=(1000, 3)), delimiter=",", header="a,b,c",
               comments="")  # fmt: skip
    assert read(tmp_path / "b.csv.gz") == 1000


def test_archive_that_unpacks_to_gigabytes_is_refused(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(20_000_000))
    with pytest.raises(RecordingError, match="SAELITE_MAX_UNPACKING"):
        open_table(tmp_path / "a.npz")


def test_columns_are_limited_and_many_are_no_hardship(tmp_path, monkeypatch):
    names = ",".join(f"s{number}" for number in range(10_000))
    (tmp_path / "a.csv").write_text(f"{names}\n" + ("1," * 9_999 + "2\n") * 3)
    assert read(tmp_path / "a.csv") == 3
    (tmp_path / "b.csv").write_text(f"{names},one_more\n")
    with pytest.raises(RecordingError, match="SAELITE_MAX_COLUMNS"):
        CsvTable(tmp_path / "b.csv")
    monkeypatch.setenv("SAELITE_MAX_COLUMNS", "20000")
    with CsvTable(tmp_path / "b.csv") as table:
        assert len(table.header.names) == 10_001


def test_cell_that_no_csv_has_is_an_error_of_ours(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n" + '"' + "7" * 200_000 + '",2\n')
    with pytest.raises(RecordingError):
        read(tmp_path / "a.csv")
