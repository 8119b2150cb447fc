"""The tests of what runs on a device, for a Python without tensorflow: an ARM interpreter, or an empty environment.

They need numpy, one interpreter and `PACKAGES`, and a model file made beforehand, named by SAELITE_TEST_MODEL.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("pytest", "pytest-timeout", "hypothesis")
# Those that draw numbers come before the one that loads tflite-runtime: on ARM it makes the processor take subnormal
# numbers for zero, which Hypothesis refuses to work under.
FILES = (
    "tables/test_csv.py",
    "signal/test_preprocessing.py",
    "streaming/test_alarm.py",
    "streaming/test_tracking.py",
    "inference/test_detector.py",
    "streaming/test_monitor.py",
)


def pytest_command() -> list[str]:
    """Return what follows the name of a Python that has saelite installed: the source beside the tests is not used."""
    paths = [str(ROOT / "tests" / "edge_runtime" / file) for file in FILES]
    options = ["-q", "-p", "no:cacheprovider", "--hypothesis-profile=ci", "-o", "pythonpath=tests/support"]
    options.append(f"--rootdir={ROOT}")
    return ["-m", "pytest", *options, "-c", str(ROOT / "pyproject.toml"), *paths]
