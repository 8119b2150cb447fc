"""The recording that comes with saelite, packed as counts, as the CSV file that every command reads."""

from __future__ import annotations

import io
import lzma
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.common.atomic import write_atomically

_SENSOR = "sensor_"


@contextmanager
def bundled_recording() -> Iterator[Path]:
    """Yield the path of a CSV file that is there as long as the block lasts."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "host.csv"
        write_bundled_recording(path)
        yield path


def write_bundled_recording(path: Path) -> None:
    """Write columns `time`, one for each sensor with four digits, `anomaly` and `fault`."""
    packed = resources.files("saelite") / "data" / "host.npz.xz"
    with np.load(io.BytesIO(lzma.decompress(packed.read_bytes())), allow_pickle=False) as arrays:
        columns = unpacked({name: arrays[name] for name in arrays.files})
    lines = map(",".join, zip(*columns.values(), strict=True))
    write_atomically(path, "\n".join([",".join(columns), *lines, ""]).encode())


def unpacked(arrays: dict[str, npt.NDArray[Any]]) -> dict[str, list[str]]:
    """Return the columns' text by name; ``examples/host_recording/pack_recording.py`` says what the arrays are."""
    elapsed_s = arrays["elapsed_50us"] * 5e-5
    names = [name for name in arrays if name.startswith(_SENSOR)]
    stamps = np.datetime64(str(arrays["start"]), "ms") + np.cumsum(arrays["milliseconds"].astype("timedelta64[ms]"))
    columns = {"time": stamps.astype(str).tolist()}
    for name, per_step, is_rate in zip(names, arrays["per_step"], arrays["is_rate"], strict=True):
        values = arrays[name] * per_step / (elapsed_s if is_rate else 1.0)
        columns[name.removeprefix(_SENSOR)] = [f"{value:.4g}" for value in values]
    fault = arrays["faults"][arrays["fault"]].tolist()
    return {**columns, "anomaly": [str(int(bool(one))) for one in fault], "fault": fault}
