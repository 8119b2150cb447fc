"""A trial of a model file in its own process with limits: if it crashes, hangs or fills memory, nothing else does.

    python -m edge_runtime.running.trial NAME RUNTIME THREADS < MODEL

Opens the file, runs its reference windows one at a time and as a batch, compares the outputs with those at export as
`saelite verify` does, writes the scores to standard output as float32 numbers, and exits with 0.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.common.size_limits import limit
from edge_runtime.errors import ModelFileError, ParityError, SaeliteError

TRIAL_S = 60
_passed: set[tuple[bytes, str, int]] = set()
_one_at_a_time = threading.Lock()
_MOST_WINDOWS = 4096


def try_out_once(content: bytes, name: str, runtime: str, threads: int) -> None:
    """Run a model file in a child process, unless it has passed before in this process; see `try_out`.

    Many machines may run one model, and a small board has no memory for many trials at once.
    """
    key = hashlib.sha256(content).digest(), runtime, threads
    with _one_at_a_time:
        if key not in _passed:
            try_out(content, name, runtime, threads)
            _passed.add(key)


def try_out(content: bytes, name: str, runtime: str, threads: int) -> FloatArray:
    """Run a model file in a child process; return the raw scores of its reference windows, shape (n,), float32.

    Parameters
    ----------
    content : bytes
        The file.
    name : str
        Of the file, for messages.
    runtime, threads : str, int
        As for `Detector.load`.

    Raises
    ------
    ModelFileError
        If the child fails or does not end in time.
    """
    command = [sys.executable, "-m", "edge_runtime.running.trial", name, runtime, str(threads)]
    try:
        child = subprocess.run(command, input=content, capture_output=True, check=False, timeout=TRIAL_S)
    except subprocess.TimeoutExpired as error:
        raise ModelFileError(f"{name}: a trial run did not end within {TRIAL_S} s. Do not use the file.") from error
    if child.returncode < 0:
        raise ModelFileError(
            f"{name}: a trial run was killed by signal {-child.returncode}. Expected scores of its reference windows. "
            "Do not use the file."
        )
    if child.returncode:
        lines = child.stderr.decode(errors="replace").strip().splitlines()
        raise ModelFileError(lines[-1][:1000] if lines else f"{name}: a trial run failed. Do not use the file.")
    return np.frombuffer(child.stdout, np.float32)


def _limit_this_process() -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limits
        return
    n_bytes = limit("SAELITE_MAX_TRIAL_MB") << 20
    for kind, most in ((resource.RLIMIT_DATA, n_bytes), (resource.RLIMIT_CPU, TRIAL_S), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _run(content: bytes, name: str, runtime: str, threads: int) -> FloatArray:
    """Return the scores of the reference windows."""
    from edge_runtime.inference.detector import Detector
    from edge_runtime.inference.runtimes import Options, find_runtime
    from edge_runtime.model_file.container import parse_model_file
    from edge_runtime.verification.reference_run import verify

    model = parse_model_file(content, Path(name))
    detector = Detector(model, find_runtime(runtime), Options(threads))
    preprocessing = model.manifest.spec.preprocessing
    center = np.broadcast_to(
        np.asarray(preprocessing.center, np.float32), (preprocessing.window, preprocessing.sensors)
    )
    windows = model.arrays.get("reference_windows", center[None])
    scores = [detector.score(window) for window in windows]
    repeats = max(1, min(_MOST_WINDOWS, 2_000_000 // windows[0].size) // len(windows))
    many = detector.score_many(np.repeat(windows, repeats, axis=0))
    if not np.isfinite([*scores, *many.tolist()]).all():
        raise ModelFileError(f"{name}: its reference windows have scores that are not numbers. Do not use the file.")
    failures = verify(model, detector).failures if "reference_windows" in model.arrays else ()
    if failures:
        raise ParityError(
            f"{name} does not detect here as it did at export: {'; '.join(failures)}. Do not use the file."
        )
    return np.asarray(scores, np.float32)


def main() -> int:
    """Test the file on standard input; return the exit code."""
    name, runtime, threads = sys.argv[1:4]
    content = sys.stdin.buffer.read()
    _limit_this_process()
    try:
        scores = _run(content, name, runtime, int(threads))
    except SaeliteError as error:
        sys.stderr.write(f"{error}\n")
    except MemoryError:
        sys.stderr.write(f"{name}: a trial run took too much memory. Do not use the file.\n")
    else:
        sys.stdout.buffer.write(scores.tobytes())
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
