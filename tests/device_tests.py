"""The tests of what runs on a device, for a Python without tensorflow: an ARM interpreter, or an empty environment.

They need numpy, one interpreter and `PACKAGES`, and a model file made beforehand, named by SAELITE_TEST_MODEL.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("pytest", "pytest-timeout", "hypothesis")
# Those that draw numbers come before the one that loads tflite-runtime: on ARM it makes the processor take subnormal
# numbers for zero, which Hypothesis refuses to work under.
NAMES = ("csv", "preprocessing", "alarm", "mean_tracking", "detector", "stream")


def pytest_command() -> list[str]:
    """Return what follows the name of a Python that has saelite installed: the source beside the tests is not used."""
    paths = [str(ROOT / f"tests/test_{name}.py") for name in NAMES]
    options = ["-q", "-p", "no:cacheprovider", "--hypothesis-profile=ci", "-o", "pythonpath=tests", f"--rootdir={ROOT}"]
    return ["-m", "pytest", *options, "-c", str(ROOT / "pyproject.toml"), *paths]
