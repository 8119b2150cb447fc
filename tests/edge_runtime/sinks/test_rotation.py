"""Files of results, rotated by us, moved or emptied by others, on bad disks: no line is lost that could be kept."""

import os

import numpy as np
import pytest

from edge_runtime.sinks.rotated_file import RotatedFile

HEADER = b"number\n"


def lines_of(folder):
    """Return the numbers in all files of a folder, and check that every line is whole."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            lines = path.read_bytes().split(b"\n")
            assert lines.pop() == b"", path
            assert lines[0] == b"number", path
            found += [int(line) for line in lines[1:]]
    return sorted(found)


def numbered(number):
    return f"{number:06}\n".encode()


@pytest.fixture
def logs(tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


@pytest.fixture
def file(logs):
    file = RotatedFile(logs / "a.csv", HEADER, max_bytes=200, keep=50)
    yield file
    file.close()


def write(file, numbers):
    for number in numbers:
        file.write(numbered(number))


def test_own_rotation_keeps_every_line(file, logs):
    write(file, range(500))
    assert lines_of(logs) == list(range(500))
    assert len(list(logs.iterdir())) > 10
    assert all(path.stat().st_size <= 200 for path in logs.iterdir())


def test_file_that_logrotate_moves_is_opened_anew(file, logs):
    write(file, range(10))
    (logs / "a.csv").rename(logs / "a.csv-20260101")
    write(file, range(10, 20))
    assert lines_of(logs) == list(range(20))
    assert (logs / "a.csv").read_bytes().startswith(HEADER + numbered(10))


def test_file_that_logrotate_copies_and_empties_goes_on_at_its_start(file, logs):
    write(file, range(10))
    (logs / "a.csv.copy").write_bytes((logs / "a.csv").read_bytes())
    os.truncate(logs / "a.csv", 0)
    write(file, range(10, 20))
    assert lines_of(logs) == list(range(20))
    assert b"\0" not in (logs / "a.csv").read_bytes()


def test_file_that_was_removed_comes_back_with_the_next_line(file, logs):
    write(file, range(10))
    (logs / "a.csv").unlink()
    write(file, range(10, 100))
    assert lines_of(logs) == list(range(10, 100))


def test_rotation_that_fails_loses_nothing_and_is_tried_again(file, logs, monkeypatch):
    # Where the next file is to be made there is something else already.
    (logs / ".a.csv.next").mkdir()
    write(file, range(60))
    assert lines_of(logs) == list(range(60))
    assert (logs / "a.csv").stat().st_size > 200
    (logs / ".a.csv.next").rmdir()
    monkeypatch.setattr("time.monotonic", lambda: 1e9)
    write(file, range(60, 70))
    assert lines_of(logs) == list(range(70))
    assert (logs / "a.csv.1").is_file()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_that_became_read_only_stops_the_rotation_but_not_the_lines(file, logs):
    logs.chmod(0o500)
    write(file, range(60))
    logs.chmod(0o700)
    assert lines_of(logs) == list(range(60))


def test_folder_that_was_moved_away_takes_its_lines_along(file, logs, tmp_path):
    write(file, range(10))
    logs.rename(tmp_path / "elsewhere")
    write(file, range(10, 60))
    assert lines_of(tmp_path / "elsewhere") == list(range(60))


def test_line_that_only_a_removed_file_would_take_is_an_error(file, logs):
    write(file, range(3))
    for path in logs.iterdir():
        path.unlink()
    logs.rmdir()
    with pytest.raises(FileNotFoundError, match="was removed"):
        write(file, [3])
    logs.mkdir()
    write(file, [4])
    assert lines_of(logs) == [4]


def test_anything_done_to_the_files_at_any_moment_loses_no_line(tmp_path):
    rng = np.random.default_rng(7)
    logs = tmp_path / "logs"
    logs.mkdir()
    file, path = RotatedFile(logs / "a.csv", HEADER, max_bytes=300, keep=10_000), logs / "a.csv"
    for number in range(3000):
        what = rng.random()
        if what < 0.02:
            path.rename(logs / f"moved-{number}")
        elif what < 0.04:
            (logs / f"copied-{number}").write_bytes(path.read_bytes())
            os.truncate(path, 0)
            write(file, [100_000 + number])
        write(file, [number])
    file.close()
    assert [number for number in lines_of(logs) if number < 100_000] == list(range(3000))
