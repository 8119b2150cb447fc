"""C that takes the usual course of the day away from readings, compiled for this machine, against the Python host."""

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from c_host import FLAGS
from machines import pump_rows, train_pump

from edge_runtime import Detector
from edge_runtime.inference.runtimes import find_runtime
from edge_runtime.signal.cycle import DAY_S, WEEK_S, Course, Cycle
from edge_runtime.streaming.stream import Stream
from edge_runtime.streaming.wanted import Wanted
from export.c_library.cycle import cycle_values
from export.c_library.library import c_library, write_c_library
from export.c_library.work import Plan, constant_bytes, ram_bytes_of
from export.export_run import ExportSettings, export_run

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
SIZES = np.array([3.0, 2_000.0, 0.2, 0.001])
_MAIN = """
#include <stdio.h>
#include "pump_detector.h"
static pump_detector detector;
int main(void) {
  uint32_t utc_s;
  float reading[PUMP_SENSORS], results[2 + 2 * PUMP_SENSORS];
  pump_detector_init(&detector);
  while (fread(&utc_s, sizeof utc_s, 1, stdin) == 1 && fread(reading, sizeof reading, 1, stdin) == 1) {
    pump_detector_set_time(&detector, utc_s);
    results[0] = (float)pump_detector_update(&detector, reading);
    results[1] = detector.smoothed;
    pump_detector_expected(&detector, results + 2);
    for (int s = 0; s < PUMP_SENSORS; ++s) results[2 + PUMP_SENSORS + s] = detector.usual[s];
    fwrite(results, sizeof results, 1, stdout);
  }
  return 0;
}
"""


def cycle_of(period_s, bins, seed):
    table = np.random.default_rng(seed).normal(size=(bins, 4)) * SIZES
    return Cycle(period_s, tuple(map(tuple, table.tolist())))


@pytest.fixture(scope="module")
def run():
    run = train_pump("joint").folder
    cycles = (cycle_of(DAY_S, 48, 0), cycle_of(WEEK_S, 28, 1))
    preprocessing = replace(run.spec.preprocessing, rate_hz=1 / 300)
    return replace(run, spec=run.spec._replace(cycles=cycles, preprocessing=preprocessing))


@pytest.fixture(scope="module")
def model(run):
    return export_run(run, ExportSettings("int8", "c"))


def both(model, folder):
    """Return what C and the Python host say of the same readings."""
    course = Course(model.manifest.spec.cycles)
    times = 1_767_225_700.0 + 300.0 * np.arange(2_500)
    rows = (pump_rows(len(times), seed=9) + course.at(times)).astype(np.float32)
    write_c_library(model, folder / "pump.tflite")
    (folder / "pump" / "main.c").write_text(_MAIN)
    sources = ["main.c", "pump_net.c", "pump_detector.c"]
    subprocess.run(["gcc", "-std=c99", *FLAGS, *sources, "-lm", "-o", "main"], cwd=folder / "pump", check=True)
    stream = b"".join(np.uint32(time).tobytes() + row.tobytes() for time, row in zip(times, rows, strict=True))
    done = subprocess.run([folder / "pump" / "main"], input=stream, capture_output=True, check=True)
    said = np.frombuffer(done.stdout, np.float32).reshape(-1, 10)
    found = Stream(Detector(model, find_runtime()), wanted=Wanted(explain_above=-np.inf)).update_many(rows, times)
    np.testing.assert_array_equal(said[:, 6:], course.at(times))
    np.testing.assert_array_equal(np.flatnonzero(said[:, 0]), found.ends)
    return said[found.ends], found, course.over_windows(times[found.ends], 3, 300.0)


def test_it_scores_and_expects_as_the_python_host_does(model, tmp_path):
    said, found, usual = both(model, tmp_path)
    np.testing.assert_allclose(said[:, 1], found.scores, rtol=1e-4, atol=1e-4)
    # C adds what is usual at the newest reading, the host what is usual over the window.
    expected = (said[:, 2:6] - said[:, 6:] + usual - found.evidence.expected) / SIZES
    np.testing.assert_allclose(expected, 0.0, atol=1e-3)


def test_mean_and_scale_follow_what_is_left_as_on_the_python_host(model, tmp_path):
    spec = model.manifest.spec
    spec = spec._replace(scoring=spec.scoring._replace(mean_rate=0.02, scale_rate=0.02))
    said, found, _ = both(replace(model, manifest=replace(model.manifest, spec=spec)), tmp_path)
    np.testing.assert_allclose(said[:, 1], found.scores, rtol=1e-3, atol=1e-3)


def test_only_a_detector_with_a_course_has_a_clock_to_be_set_and_pays_for_it(model):
    spec = model.manifest.spec
    plain = replace(model, manifest=replace(model.manifest, spec=spec._replace(cycles=())))
    for one, has_clock in ((model, True), (plain, False)):
        texts = c_library(one, "pump")
        told = {name for name, text in texts.items() if "set_time" in text}
        whole = {"README.md", "pump_detector.h", "pump_detector.c", "examples/analog_sensors.c"}
        assert told == (whole if has_clock else set())
    assert cycle_values(spec) == (48 + 28) * 4
    assert cycle_values(plain.manifest.spec) == 0


def test_what_the_course_takes_of_a_chip_is_counted(run):
    plans = [Plan(run.spec.preprocessing, run.network, cycle_values=values) for values in (0, cycle_values(run.spec))]
    assert np.diff([constant_bytes(plan, "joint") for plan in plans]).tolist() == [4 * 304]
    assert np.diff([ram_bytes_of(plan, "joint") for plan in plans]).tolist() == [4 * 4]
