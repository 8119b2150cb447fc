"""The C library on real Cortex-M instructions: every window of a recording gives what the Python host gives."""

import pytest
from cortex_m_boards import BOARDS, Firmware, missing_tools
from machines import pump_rows
from python_host import check_results, python_results

from export.export_run import ExportSettings, export_run

pytestmark = pytest.mark.skipif(bool(missing_tools()), reason=missing_tools() or "everything is installed")


@pytest.fixture(scope="module")
def rows():
    rows = pump_rows(400, seed=9)
    rows[200:230, 1] += 20_000
    rows[300:315] *= 1.5
    return rows


@pytest.mark.parametrize("rounding", ["litert", "tflm"])
@pytest.mark.parametrize("head", ["spe", "modes", "joint"])
def test_boards_say_what_the_python_host_says(train_head, rows, tmp_path, head, rounding):
    model = export_run(train_head(head), ExportSettings("int8", "c"))
    expected, firmware = python_results(model, rows, rounding), Firmware(model, tmp_path, rounding)
    assert 0 < expected.alarm.sum() < len(rows) / 2
    for board in BOARDS.values():
        check_results(firmware.replay(board, rows), expected)


def test_instructions_are_counted_alike_each_time(train_head, rows, tmp_path):
    firmware = Firmware(export_run(train_head("spe"), ExportSettings("int8", "c")), tmp_path)
    counts = {name: {firmware.instructions(BOARDS[name], rows) for _ in range(2)} for name in ("M0", "M4F", "M33")}
    assert all(len(count) == 1 for count in counts.values())
    (m0,), (m4,), (m33,) = counts.values()
    # Clocks tick every 40 to 62.5 instructions, so the mean of 64 readings is one apart at most.
    assert abs(m4 - m33) <= 1
    assert m4 < m0


def test_the_linker_counts_what_the_detector_adds(train_head, tmp_path):
    model = export_run(train_head("spe"), ExportSettings("int8", "c"))
    flash, ram = Firmware(model, tmp_path).sizes(BOARDS["M3"])
    arrays = sum(model.arrays[name].nbytes for name in ("head_mean", "head_whitening"))
    assert arrays + 12 * 16 * 4 < flash < 12_000
    assert 0 < ram < 500
