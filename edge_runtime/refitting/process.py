"""Fitting in a process of its own, so that no reading waits for it and its memory is given back.

    python -m edge_runtime.refitting.process < JOB

JOB is a line of JSON, see `Job`, and the model file's bytes. Exits with 0 when the adapted file is written.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from edge_runtime.errors import ModelFileError, SaeliteError
from edge_runtime.model_file.json_codec import from_json

_NICE = 10
_LONGEST_REASON = 1000


@dataclass(frozen=True)
class Job:
    """What to fit.

    Parameters
    ----------
    model : str
        Name of the model file, for messages.
    readings : str
        A file of `edge_runtime.refitting.journal`.
    output : str
        Model file to write.
    step_s : float or None
        Seconds from one reading to the next.
    runtime : str
    threads : int
    key : str or None
        The device's private key.
    """

    model: str
    readings: str
    output: str
    step_s: float | None
    runtime: str
    threads: int
    key: str | None = None


class Process:
    """A job in a child process.

    Parameters
    ----------
    job : Job
    content : bytes
        The model file.
    """

    def __init__(self, job: Job, content: bytes) -> None:
        self._job = job
        self._input: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the child runs
        self._input.write(json.dumps(asdict(job)).encode() + b"\n" + content)
        self._input.seek(0)
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - likewise
        command = [sys.executable, "-m", "edge_runtime.refitting.process"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._child = subprocess.Popen(command, stdin=self._input, stdout=subprocess.DEVNULL, stderr=self._errors,
                                       env=environment)  # fmt: skip

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._child.poll() is not None

    def result(self) -> Path:
        """Return the file that it wrote.

        Raises
        ------
        ModelFileError
            If it wrote none, with the reason.
        """
        code = self._child.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        self._close()
        if code:
            raise ModelFileError(lines[-1][:_LONGEST_REASON] if lines else f"the fit ended with exit code {code}.")
        return Path(self._job.output)

    def kill(self) -> None:
        """End it."""
        with suppress(OSError):
            self._child.kill()
        self._child.wait()
        self._close()

    def _close(self) -> None:
        self._input.close()
        self._errors.close()


def _run(job: Job, content: bytes) -> None:
    import math

    from edge_runtime.inference.runtimes import Options, find_runtime
    from edge_runtime.model_file.container import parse_model_file
    from edge_runtime.refitting.adapt import AdaptSettings, adapt
    from edge_runtime.refitting.journal import Journal
    from edge_runtime.refitting.normal_readings import NormalReadings, Shape

    spec = parse_model_file(content, Path(job.model)).manifest.spec
    readings = NormalReadings(Shape.of(spec.preprocessing))
    for record in Journal(Path(job.readings), spec.sensor_names).read():
        readings.add(record.values, follows=record.follows)
    key = None if job.key is None else Path(job.key)
    settings = AdaptSettings(find_runtime(job.runtime), Options(job.threads), key=key)
    step_s = math.nan if job.step_s is None else job.step_s
    adapt(content, Path(job.model), readings, step_s, settings).model.write(Path(job.output))


def main() -> int:
    """Do the job on standard input; return the exit code."""
    job, _, content = sys.stdin.buffer.read().partition(b"\n")
    if hasattr(os, "nice"):
        os.nice(_NICE)
    try:
        _run(from_json(Job, json.loads(job)), content)
    except SaeliteError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
