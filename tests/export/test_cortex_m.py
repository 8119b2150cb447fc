"""The C library on real Cortex-M and RISC-V instructions: every window gives what the Python host gives."""

import itertools

import numpy as np
import pytest
from emulated_boards import BOARDS, Firmware, missing_tools
from machines import pump_rows
from python_host import check_results, python_results

from edge_runtime.inference.heads import PARTS
from export.export_run import ExportSettings, export_run

pytestmark = pytest.mark.skipif(bool(missing_tools()), reason=missing_tools() or "everything is installed")
# Each kind of float unit in turn, so that every head meets at least two.
TURNS = dict(zip(PARTS, itertools.cycle(["M0 M4F", "RV32 M7", "M3 RV32F", "RV32F M33"]), strict=False))


@pytest.fixture(scope="module")
def rows():
    rows = pump_rows(400, seed=9)
    rows[200:230, 1] += 20_000
    rows[300:315] *= 1.5
    return rows


def check(model, folder, rows, boards, rounding="litert"):
    expected, firmware = python_results(model, rows, rounding), Firmware(model, folder, rounding)
    # The codes alone of a network this small tell no fault.
    assert (expected.alarm.sum() > 0) == (model.manifest.spec.scoring.head != "t2")
    assert expected.alarm.sum() < len(rows) / 2
    for board in boards:
        check_results(firmware.replay(BOARDS[board], rows), expected)


@pytest.mark.parametrize("rounding", ["litert", "tflm"])
def test_every_board_says_what_the_python_host_says(train_head, rows, tmp_path, rounding):
    check(export_run(train_head("joint"), ExportSettings("int8", "c")), tmp_path, rows, BOARDS, rounding)


@pytest.mark.parametrize("head", PARTS)
def test_boards_say_what_the_python_host_says_for_every_head_in_int8(train_head, rows, tmp_path, head):
    model, boards = export_run(train_head(head), ExportSettings("int8", "c")), TURNS[head].split()
    check(model, tmp_path, rows, boards)
    check(model, tmp_path, rows, boards[:1], "tflm")


@pytest.mark.parametrize("head", PARTS)
def test_boards_say_what_the_python_host_says_for_every_head_in_float32(train_head, rows, tmp_path, head):
    check(export_run(train_head(head), ExportSettings("float32", "c")), tmp_path, rows, TURNS[head].split())


def test_sums_over_the_window_are_those_of_the_python_host_to_the_bit(train_again, rows, tmp_path):
    """The M4F, M33 and RV32F have a fused multiply-add."""
    features = ("mean", "std", "min", "max", "slope")
    model = export_run(
        train_again("inputs", window=16, stride=4, features=features).folder, ExportSettings("float32", "c")
    )
    expected, firmware = python_results(model, rows), Firmware(model, tmp_path)
    for board in BOARDS.values():
        np.testing.assert_array_equal(firmware.replay(board, rows)["inputs"], expected.inputs)


def test_instructions_are_counted_alike_each_time(train_head, rows, tmp_path):
    firmware = Firmware(export_run(train_head("spe"), ExportSettings("int8", "c")), tmp_path)
    counts = {
        name: {firmware.instructions(BOARDS[name], rows) for _ in range(2)} for name in ("M0", "M4F", "M33", "RV32")
    }
    assert all(len(count) == 1 for count in counts.values())
    (m0,), (m4,), (m33,), (rv32,) = counts.values()
    # Clocks tick every 40 to 62.5 instructions, so the mean of 64 readings is one apart at most.
    assert abs(m4 - m33) <= 1
    assert m4 < rv32 < m0


def test_the_linker_counts_what_the_detector_adds(train_head, tmp_path):
    model = export_run(train_head("spe"), ExportSettings("int8", "c"))
    arrays = sum(model.arrays[name].nbytes for name in ("head_mean", "head_whitening"))
    for board in ("M3", "RV32"):
        flash, ram = Firmware(model, tmp_path).sizes(BOARDS[board])
        assert arrays + 12 * 16 * 4 < flash < 16_000
        assert 0 < ram < 500
