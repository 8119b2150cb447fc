"""Units from the names of columns, and from what the user states."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.common.units import unit_of, units_of
from edge_runtime.errors import UsageError
from edge_runtime.model_file.manifest import Sensor
from training.pipeline import train
from training.recordings import Recording
from training.settings import DetectorSettings


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("Volume Flow RateRMS [l/min]", "l/min"),
        ("temperature (°C)", "°C"),
        ("bearing_temp_c", "°C"),
        ("speed-rpm", "rpm"),
        ("velocity_mm_s", "mm/s"),
        ("inlet pressure Pa", "Pa"),
        ("Channel (3)", ""),
        ("channel_c", ""),
        ("accel_axis_x", ""),
        ("s", ""),
    ],
)
def test_name_states_its_unit(name, unit):
    assert unit_of(name) == unit


@given(st.text(max_size=40))
def test_any_name_has_a_unit_or_none(name):
    assert unit_of(name) in ("", unit_of(name).strip())


def test_stated_unit_wins_and_a_wrong_name_is_an_error():
    assert units_of(["a=b", "flow_lpm"], ["a=b=K", "flow_lpm=m³/h"]) == ("K", "m³/h")
    with pytest.raises(UsageError, match=r"NAME=UNIT for sensors of the recording \(flow\)\. Received: 'heat=K'"):
        units_of(["flow"], ["heat=K"])


def test_trained_model_knows_its_sensors_units():
    names = ("flow", "bearing_temp_c")
    rows = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
    folder = train(Recording("pump", names, rows), DetectorSettings(units=("flow=l/min",), epochs=1)).folder
    assert folder.spec.sensors == (Sensor("flow", "l/min"), Sensor("bearing_temp_c", "°C"))
