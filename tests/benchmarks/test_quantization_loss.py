"""What quantisation costs on real data, by the recipe of `saelite bench quantization`."""

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.quantization_loss import groups, loss_on
from saelite.cli import main

# One set of each kind; the command takes them all.
SETS = ("host", "adbench/43_WDBC", "tep")
EPOCHS = 10


@pytest.mark.realdata
def test_file_that_export_chooses_keeps_the_quality_of_float32(realdata):
    losses = [loss_on(one, EPOCHS) for one in groups(realdata) if one.name in SETS]
    assert tuple(one.name for one in losses) == SETS
    for one in losses:
        assert one.schemes in {("int8",), ("mixed",), ("int16x8",)}
        assert one.loss <= 0.005
        assert one.alarm_agreement >= 0.99


def test_command_prints_scheme_loss_and_agreement_of_each_set(tmp_path):
    rows = np.random.default_rng(0).normal(size=(400, 3)) @ np.diag([3.0, 2.0, 1.0])
    rows[:40] += 9
    (tmp_path / "adbench").mkdir()
    np.savez(tmp_path / "adbench" / "1_small.npz", X=rows, y=(np.arange(400) < 40).astype(int))
    result = CliRunner().invoke(main, ["bench", "quantization", "--data", str(tmp_path), "--epochs", "1"])
    assert result.exit_code == 0, result.output
    host, small = result.output.splitlines()[2:4]
    assert (host.split()[0], small.split()[:3]) == ("host", ["adbench/1_small", "220", "int8"])
    assert "of 2 sets; alarms agree on" in result.output
