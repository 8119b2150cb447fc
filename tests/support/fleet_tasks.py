"""Tasks for the engines' tests: workers import them from here."""

import os
import signal
import time
from pathlib import Path


def double(items):
    return [2 * item for item in items]


def facts_of_worker(items):
    """Return the worker's process and its pinned threads."""
    return [(os.getpid(), os.environ.get("OMP_NUM_THREADS"), os.environ.get("TF_NUM_INTRAOP_THREADS")) for _ in items]


class DiesOn:
    """Doubles, but some items kill the process: always, or the first time only.

    Each attempt leaves a file in a folder.
    """

    def __init__(self, folder, always=(), once=()):
        self.folder, self.always, self.once = Path(folder), set(always), set(once)

    def __call__(self, items):
        for item in items:
            mark = self.folder / f"{item}-{time.monotonic_ns()}"
            is_first = not list(self.folder.glob(f"{item}-*"))
            mark.touch()
            if item in self.always or (item in self.once and is_first):
                os.kill(os.getpid(), signal.SIGKILL)
        return [2 * item for item in items]

    def attempts(self, item):
        return len(list(self.folder.glob(f"{item}-*")))


class Slow:
    """Doubles after a while; leaves a file with the worker's parent for each item that was begun."""

    def __init__(self, folder, seconds):
        self.folder, self.seconds = Path(folder), seconds

    def __call__(self, items):
        for item in items:
            (self.folder / f"{item}-{os.getppid()}").touch()
            time.sleep(self.seconds)
        return [2 * item for item in items]


def raises_on_three(items):
    if 3 in items:
        raise ValueError("three")
    return double(items)


class Reads:
    """Reads assets and returns how many rows each has."""

    def __call__(self, items):
        from training.settings import Selection

        return [len(asset.read(Selection()).values) for asset in items]


class StubFit:
    """Fits nothing, and gives results as large as real ones."""

    def __call__(self, items):
        from saelite.fleet.outcome import MADE, AssetOutcome, AssetResult

        return [AssetResult(AssetOutcome(one.name, MADE), {"model.tflite": os.urandom(40_000)}) for one in items]
