"""What int8 costs on real data; the same figures as `saelite bench quantization` prints."""

import pytest

from benchmarks.quantization_loss import measure


@pytest.mark.realdata
def test_int8_keeps_the_quality_of_float32(realdata):
    losses = list(measure(realdata, epochs=60))
    assert len(losses) == 14
    assert sum(one.loss for one in losses) / len(losses) <= 0.002
    assert max(one.loss for one in losses) <= 0.01
    windows = sum(one.n_windows for one in losses)
    assert sum(one.alarm_agreement * one.n_windows for one in losses) / windows >= 0.99
