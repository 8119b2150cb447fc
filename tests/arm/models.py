"""The model files the boards run: trained and exported here."""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

from arm.installs import ROOT
from arm.processes import here

NORMAL_ROWS = "0:2400"
STREAMED_ROWS = slice(2300, 2700)
_PUMP = """
import sys
from pathlib import Path
from machines import train_pump
from export.export_run import ExportSettings, export_run
export_run(train_pump().folder, ExportSettings("int8")).write(Path(sys.argv[1]))
"""
_RECORDING = """
import sys
from pathlib import Path
from benchmarks.bundled import write_bundled_recording
write_bundled_recording(Path(sys.argv[1]))
"""
_ROWS = """
from pathlib import Path
import sys
import numpy as np
from edge_runtime import Detector
from training.recordings import Columns, read_recording
sensors = Detector.load(sys.argv[1]).sensor_names
np.save(sys.argv[3], read_recording(Path(sys.argv[2]), Columns(sensors=sensors)).values)
"""


def make_models(folder: Path) -> Path:
    """Train and export here, once: a detector for the bundled recording and the one the tests use.

    What other sources made is thrown away: a newer saelite may not read it.
    """
    made_by = folder / "sources.sha256"
    if not made_by.exists() or made_by.read_text() != sources_sha256():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        recording = folder / "host.csv"
        here([sys.executable, "-c", _RECORDING, str(recording)])
        saelite = [sys.executable, "-m", "saelite"]
        learn = ["--rows", NORMAL_ROWS, "--overwrite"]
        here([*saelite, "train", str(recording), "-o", str(folder / "run"), *learn])
        # Codes are compared in steps of int8.
        here([*saelite, "export", str(folder / "run"), "-o", str(folder / "host.tflite"), "--quantize", "int8"])
        write_stream(recording, folder / "stream.csv")
        here([sys.executable, "-c", _PUMP, str(folder / "pump.tflite")])
        here([sys.executable, "-c", _ROWS, *map(str, (folder / "host.tflite", recording, folder / "rows.npy"))])
        made_by.write_text(sources_sha256())
    return folder


def sources_sha256() -> str:
    """Return the SHA-256 of all code that makes models."""
    paths = sorted(
        path for name in ("benchmarks", "edge_runtime", "training", "export") for path in (ROOT / name).rglob("*.py")
    )
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def write_stream(recording: Path, path: Path) -> None:
    """Write the part of the recording that holds the first fault."""
    lines = recording.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], *lines[STREAMED_ROWS]]))
