"""Damaged model files through loading and scoring in every runtime, and through commands, in processes of their own.

    PYTHONPATH=.:tests/support python tests/endurance/fuzz_models.py [FILES] [SEED]

Half of them are of a whole detector, half of a network whose host scales and scores. Prints how many were opened, the
slowest, and the memory of the largest process; every file that ended its process is named by its number, to be made
again with ``mutate.damaged``. Exit code 1 if there is one, or one took over 2 s of the processor or 500 MB. The
commands, which run every runtime, get a tenth of the files.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mutate import COMMANDS

RUNTIMES = ("tflite-runtime", "ai-edge-litert", "numpy")
MOST_S, MOST_MB = 2.0, 500
_TARGETS = ("cpu", "micro")
_MUTATE = Path(__file__).with_name("mutate.py")


@dataclass(frozen=True)
class Outcome:
    """What came of the files in some runtimes or a command; `ended` are the numbers of those that ended a process."""

    opened: int
    slowest_s: float
    peak_mb: int
    ended: tuple[int, ...]

    @property
    def good(self) -> bool:
        """Whether all was within the bounds."""
        return not self.ended and self.slowest_s <= MOST_S and self.peak_mb <= MOST_MB


def fuzz(model: Path, seed: int, files: int, runtime: str) -> Outcome:
    """Load and score damaged files in one runtime or several, separated by commas; or give them to a command."""
    first, opened, slowest_s, peak_mb, ended = 0, 0, 0.0, 0, []
    root = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    while first < files:
        command = [sys.executable, str(_MUTATE), str(model), str(seed), str(first), str(files - first), runtime]
        result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        last = result.stdout.split("\n")[-2].split()
        if result.returncode == 0:
            opened, slowest_s, peak_mb = opened + int(last[1]), max(slowest_s, float(last[2])), int(last[3])
            break
        ended.append(int(last[0]))
        first = ended[-1] + 1
    return Outcome(opened, slowest_s, peak_mb, tuple(ended))


def main(files: int, seed: int) -> int:
    """Fuzz in every runtime, and print."""
    from machines import train_pump

    from export.export_run import ExportSettings, export_run

    good, run = True, train_pump().folder
    with tempfile.TemporaryDirectory() as folder:
        for target, (runtime, count) in itertools.product(
            _TARGETS, ((",".join(RUNTIMES), files // 2), *((name, files // 20) for name in COMMANDS))
        ):
            model = Path(folder) / f"{target}.tflite"
            if not model.exists():
                export_run(run, ExportSettings("int8", target)).write(model)
            outcome = fuzz(model, seed, count, runtime)
            good = good and outcome.good
            print(
                f"{target}, {runtime}: {count:,} files, {outcome.opened:,} opened, slowest {outcome.slowest_s:.2f} s, "
                f"{outcome.peak_mb} MB; ended by: {outcome.ended or 'none'}",
                flush=True,
            )
    return 0 if good else 1


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:3]]
    sys.exit(main(*(numbers + [100_000, 1][len(numbers) :])))
