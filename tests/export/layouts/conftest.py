"""A detector to lay out, and readings with faults in them."""

import pytest
from machines import pump_rows

from export.export_run import ExportSettings, export_run


@pytest.fixture(scope="session")
def model(train_head):
    return export_run(train_head("joint"), ExportSettings("int8", "c"))


@pytest.fixture(scope="session")
def rows():
    rows = pump_rows(500, seed=9)
    rows[200:230, 1] += 20_000
    rows[300:315] *= 1.5
    return rows
