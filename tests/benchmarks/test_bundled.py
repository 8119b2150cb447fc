"""The bundled recording: packed as counts, unpacked as the CSV file it was."""

import csv
import gzip
import io
import lzma
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks.bundled import bundled_recording, unpacked

ROOT = Path(__file__).parents[2]
PACK = ROOT / "examples" / "host_recording" / "pack_recording.py"


@pytest.fixture(scope="module")
def rows():
    with bundled_recording() as path, path.open(newline="") as file:
        return list(csv.reader(file))


def test_recording_has_a_time_23_sensors_and_twelve_labelled_faults(rows):
    header, *readings = rows
    assert (header[0], len(header[1:-2]), header[-2:]) == ("time", 23, ["anomaly", "fault"])
    assert len(readings) == 7635
    assert {row[-2] for row in readings if row[-1]} == {"1"}
    labels = [row[-1] for row in readings]
    starts = [now for before, now in pairwise(labels) if now and now != before]
    assert sorted(starts)[::2] == sorted(starts)[1::2] == sorted(set(starts))
    assert len(starts) == 12


def test_packed_again_it_is_the_same_to_the_fourth_digit(rows, tmp_path):
    text = "\n".join(map(",".join, rows[:400])) + "\n"
    (tmp_path / "host.csv.gz").write_bytes(gzip.compress(text.encode()))
    output = tmp_path / "again.npz.xz"
    subprocess.run([sys.executable, PACK, tmp_path / "host.csv.gz", "-o", output], check=True)
    with np.load(io.BytesIO(lzma.decompress(output.read_bytes())), allow_pickle=False) as arrays:
        again = unpacked(dict(arrays))
    assert list(again) == rows[0]
    columns = dict(zip(rows[0], zip(*rows[1:400], strict=True), strict=True))
    for name in ("time", "anomaly", "fault"):
        assert again.pop(name) == list(columns[name])
    for name, values in again.items():
        np.testing.assert_allclose(np.array(values, float), np.array(columns[name], float), rtol=3e-3, err_msg=name)
