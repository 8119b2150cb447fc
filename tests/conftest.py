"""What several tests share: a small machine, a detector trained on it, a process of its own."""

import os

# Before numpy is imported, which reads it once: the workers of pytest-xdist are as many as the cores already.
for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
    os.environ.setdefault(name, "1")

from functools import cache  # noqa: E402
from pathlib import Path  # noqa: E402

import pytest  # noqa: E402
from command_line import run_saelite  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402
from machines import train_pump  # noqa: E402

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"

# A busy machine is no failure, and fixtures are made to be looked at with any example.
FORGIVING = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]}
settings.register_profile("untimed", **FORGIVING)
settings.register_profile("ci", settings.get_profile("ci"), **FORGIVING)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def trained():
    """The pump's detector."""
    return train_pump()


@pytest.fixture(scope="session")
def train_head():
    """The pump's run folder with a scoring head of choice."""
    return cache(lambda head: train_pump(head).folder)


@pytest.fixture
def train_again():
    """The training that made `trained`, to be done once more."""
    return train_pump


@pytest.fixture(scope="session")
def exported(request):
    """The detector as an int8 model file's contents; on a board, which cannot make it, read from a file."""
    if ready := os.environ.get("SAELITE_TEST_MODEL"):
        from edge_runtime.model_file.container import read_model_file

        return read_model_file(Path(ready))
    from export.export_run import ExportSettings, export_run

    return export_run(request.getfixturevalue("trained").folder, ExportSettings("int8"))


@pytest.fixture
def model_path(exported, tmp_path):
    """The detector as an int8 model file."""
    path = tmp_path / "pump.tflite"
    exported.write(path)
    return path


@pytest.fixture
def saelite(tmp_path):
    """Run the command in a process of its own, in an empty folder."""

    def run(*arguments, **options):
        return run_saelite(*arguments, cwd=options.pop("cwd", tmp_path), **options)

    return run


@pytest.fixture
def realdata():
    """Return the folder of public data sets, or skip."""
    if not SHARED.is_dir():
        pytest.skip("the public data sets are not at ../shared/data")
    return SHARED
