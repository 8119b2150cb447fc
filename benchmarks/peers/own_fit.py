"""saelite's training in its own process: ``own_fit RECORDING N_NORMAL FOLDER CORES STARTED_NS``.

Trains, exports, and writes the files for the runtimes.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from benchmarks.peers.head import KIND, peer_head
from benchmarks.peers.task import make_task
from benchmarks.worker import memory, pin, say
from training.pipeline import train
from training.recordings import Columns, read_recording
from training.settings import DetectorSettings

# The peers' runtimes compute scaled values and T² of inputs and codes; saelite gets the same task.
PEER_SETTINGS = DetectorSettings(
    window=1, features=("values",), head=KIND, smoothing_span=1, mean_rate=0.0, scale_rate=0.0
)


def main(recording: str, n_normal: str, folder: str, cores: str, _: str) -> None:
    """Train with the defaults and write run, model file, ONNX files and task."""
    pin(cores)
    out, rows = Path(folder), int(n_normal)
    normal = read_recording(Path(recording), Columns(), rows=slice(0, rows))
    # As the peers practise: what is compiled once in a process is not in the time.
    train(normal, replace(PEER_SETTINGS, epochs=1))
    started = time.monotonic()
    run = train(normal, PEER_SETTINGS)
    fit_s = time.monotonic() - started
    from export.export_run import ExportSettings, export_run

    run.save(out / "run", overwrite=True)
    export_run(run.folder, ExportSettings("int8")).write(out / "model.tflite")
    export_s = time.monotonic() - started - fit_s
    whole = read_recording(Path(recording), Columns(sensors=run.folder.spec.sensor_names))
    make_task(whole, rows, run.folder.spec.preprocessing).write(out / "task.npz")
    if find_spec("onnx") and find_spec("onnxruntime"):
        from benchmarks.onnx_files import write_detector

        write_detector(run.folder, peer_head(run.folder), out)
    say({"fit_s": fit_s, "export_s": export_s, **memory()})


if __name__ == "__main__":
    main(*sys.argv[1:6])
