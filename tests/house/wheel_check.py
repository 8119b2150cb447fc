"""Build the wheel and use it as a device would: an empty environment, the base install, no tensorflow; run its tests.

In the last Python asked for, the extra ``export`` exports a run folder as well, without tensorflow too.

    python tests/house/wheel_check.py 3.11 3.13 [--model pump.tflite --recording pump.csv]

Run it in an environment with the workstation extra: without --model it trains and exports one.
A Python that is not on this machine is named and left out. Ends with exit code 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from device_tests import PACKAGES as TEST_PACKAGES
from device_tests import pytest_command
from machines import pump_rows, write_csv

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("benchmarks", "edge_runtime", "export", "saelite", "training")
TRAINING_ALONE = ("keras", "tensorflow")
NEVER_INSTALLED = ("scikit-learn", "scipy", *TRAINING_ALONE)
NOT_OF_THE_SOURCE = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__", "runs")
REQUIREMENTS = ROOT / "requirements-device.txt"
EXTRAS, WITH_EXTRAS = (
    "host,modbus,mqtt,opcua,plant,prometheus,serial,signing,web",
    ROOT / "requirements-device-extras.txt",
)
BUNDLED = ("pip", "saelite", "setuptools")  # in every environment, so not worth naming
TIMEOUT_S = 900
RELATIVE_TOLERANCE = 1e-4  # a batch and single windows round differently in float32

# What the score file must agree with: the library, fed reading by reading.
STREAM = """
import csv, importlib.metadata, json, sys
from edge_runtime import Detector

detector = Detector.load(sys.argv[1])
stream = detector.stream()
with open(sys.argv[2], newline="") as file:
    rows = ({name: float(row[name]) for name in detector.sensor_names} for row in csv.DictReader(file))
    results = [result for row in rows if (result := stream.update(row)) is not None]
packages = {item.metadata["Name"].lower(): item.version for item in importlib.metadata.distributions()}
scores, anomalies = [result.score for result in results], [result.is_anomaly for result in results]
print(json.dumps({"scores": scores, "anomalies": anomalies, "packages": packages}))
"""


INSTALLED = "import importlib.metadata as m; print(*{one.metadata['Name'].lower() for one in m.distributions()})"


class WheelError(Exception):
    """The wheel is not what it should be."""


def main() -> int:
    """Check the wheel in every Python asked for."""
    parser = argparse.ArgumentParser(description="Build the wheel and use it as a device would.")
    parser.add_argument("pythons", nargs="+", metavar="VERSION", help="Python versions, such as 3.11")
    parser.add_argument("--model", type=Path, help="model file to score with")
    parser.add_argument("--recording", type=Path, help="recording to score")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            wheel = build_wheel(folder)
            check_contents(wheel)
            model, recording = (arguments.model, arguments.recording) if arguments.model else make_model(folder)
            for version in arguments.pythons:
                python = find_python(version)
                if python is None:
                    print(f"wheel on Python {version}: skipped, no such Python on PATH or under ~/.pyenv/versions")
                else:
                    check_install(wheel, python, folder / version, model.resolve(), recording.resolve())
                    if version == arguments.pythons[-1] and (folder / "run").is_dir():
                        check_export(wheel, python, version, folder)
        except WheelError as error:
            print(f"wheel: {error}", file=sys.stderr)
            return 1
    return 0


def build_wheel(folder: Path) -> Path:
    """Return a wheel built from a copy of the source, so that no old build leaks into it."""
    source = folder / "source"
    shutil.copytree(ROOT, source, ignore=NOT_OF_THE_SOURCE)
    run([sys.executable, "-m", "pip", "-qq", "wheel", ".", "--no-deps", "-w", str(folder)], source)
    (wheel,) = folder.glob("saelite-*.whl")
    return wheel


def make_model(folder: Path) -> tuple[Path, Path]:
    """Return a model file and the recording it was trained on, made by the workstation's own commands."""
    recording, model = write_csv(folder / "pump.csv", pump_rows(2000)), folder / "pump.tflite"
    saelite = [sys.executable, "-m", "saelite"]
    settings = (
        "--window 3 --code-size 12 --hidden 16 --head t2x --smoothing-span 5 --mean-rate 0 --scale-rate 0 "
        "--epochs 20 --seed 1"
    )
    run([*saelite, "train", str(recording), *settings.split(), "-o", "run"], folder)
    run([*saelite, "export", "run", "--quantize", "int8", "-o", str(model)], folder)
    return model, recording


def check_contents(wheel: Path) -> None:
    """Raise unless the wheel holds our packages and their data, whole, and nothing else."""
    inside = set(zipfile.ZipFile(wheel).namelist())
    strangers = {name for name in inside if not name.startswith((*(f"{package}/" for package in PACKAGES), "saelite-"))}
    ours = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    # Without it a type checker takes a package for untyped.
    ours |= {f"{package}/py.typed" for package in PACKAGES}
    if strangers or ours - inside:
        raise WheelError(
            f"{wheel.name} holds {sorted(strangers)} besides our packages and lacks {sorted(ours - inside)}"
        )


def find_python(version: str) -> str | None:
    """Return a Python of this version that really starts, or None."""
    installed = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"), reverse=True)
    for python in (sys.executable, shutil.which(f"python{version}"), *map(str, installed)):
        if python is None:
            continue
        asked = [python, "-c", "import sys; print(*sys.version_info[:2], sep='.')"]
        # A name on PATH may be a shim that only says that its Python is not switched on.
        if subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() == version:
            return python
    return None


def check_install(wheel: Path, python: str, folder: Path, model: Path, recording: Path) -> None:
    """Install the pinned requirements and the wheel into an empty environment, look at it and score with it there."""
    folder.mkdir()
    run([python, "-m", "venv", "environment"], folder)
    here = folder / "environment/bin"
    pip = [str(here / "python"), "-m", "pip", "-qq", "install", "--disable-pip-version-check"]
    run([*pip, "--require-hashes", "-r", str(REQUIREMENTS)], folder)
    # Whatever the wheel needed besides would not be found.
    run([*pip, "--no-index", str(wheel)], folder)
    run([str(here / "saelite"), "doctor"], folder)
    run([str(here / "saelite"), "score", str(model), str(recording), "-o", "scores.csv"], folder)
    streamed = json.loads(run([str(here / "python"), "-c", STREAM, str(model), str(recording)], folder))
    packages = streamed["packages"]
    if present := [name for name in NEVER_INSTALLED if name in packages]:
        raise WheelError(f"the base install brings {', '.join(present)}")
    n_scores = compare(folder / "scores.csv", streamed["scores"], streamed["anomalies"])
    shown = ", ".join(f"{name} {version}" for name, version in sorted(packages.items()) if name not in BUNDLED)
    run([*pip, "-c", str(ROOT / "constraints.txt"), *TEST_PACKAGES], folder)
    tests = run([str(here / "python"), *pytest_command()], folder, SAELITE_TEST_MODEL=str(model)).splitlines()[-1]
    run([*pip, "--require-hashes", "-r", str(WITH_EXTRAS)], folder)
    run([*pip, "--no-index", f"{wheel}[{EXTRAS}]"], folder)
    print(f"wheel on Python {folder.name}: doctor and {n_scores} scores good without tensorflow ({shown}); {tests}")


def check_export(wheel: Path, python: str, version: str, folder: Path) -> None:
    """Install the extra ``export`` into an empty environment and export the run folder there."""
    run([python, "-m", "venv", "exporting"], folder)
    here = folder / "exporting/bin"
    pip = [str(here / "python"), "-m", "pip", "-qq", "install", "--disable-pip-version-check"]
    run([*pip, "-c", str(ROOT / "constraints.txt"), f"{wheel}[export]"], folder)
    installed = run([str(here / "python"), "-c", INSTALLED], folder).split()
    if present := [name for name in TRAINING_ALONE if name in installed]:
        raise WheelError(f"the extra export brings {', '.join(present)}")
    run([str(here / "saelite"), "export", "run", "--quantize", "int8", "-o", "exported.tflite"], folder)
    run([str(here / "saelite"), "verify", "exported.tflite"], folder)
    print(f"wheel on Python {version}: a run folder exported and verified without tensorflow")


def compare(path: Path, scores: list[float], anomalies: list[bool]) -> int:
    """Raise unless the score file says what the stream of readings said; return its number of scores."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or len(rows) != len(scores):
        raise WheelError(f"{path.name} has {len(rows)} rows, expected one per window: {len(scores)}")
    for line, (row, score, is_anomaly) in enumerate(zip(rows, scores, anomalies, strict=True), start=2):
        close = math.isclose(float(row["score"]), score, rel_tol=RELATIVE_TOLERANCE)
        if not close or row["anomaly"] != str(int(is_anomaly)):
            raise WheelError(f"{path.name} line {line}: expected score {score}, anomaly {is_anomaly}. Received: {row}")
    return len(rows)


def run(command: list[str], folder: Path, **environment: str) -> str:
    """Run a command away from the source tree and return what it prints."""
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "SAELITE_RUNTIME")}
    process = subprocess.run(
        command, cwd=folder, env=clean | environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    if process.returncode:
        raise WheelError(
            f"{' '.join(command)!r:.200} ended with {process.returncode}:\n{process.stdout}{process.stderr}"
        )
    return process.stdout


if __name__ == "__main__":
    sys.exit(main())
