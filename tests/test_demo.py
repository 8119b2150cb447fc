"""The main job on the bundled recording reaches its figures."""

import pytest

from benchmarks import whole_loop
from benchmarks.bundled import write_bundled_recording
from benchmarks.detection import fault_rows, figures


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    files = whole_loop.Files(tmp_path_factory.mktemp("demo"))
    write_bundled_recording(files.recording)
    run = whole_loop.learn(files, lambda _: None)
    whole_loop.ship(run, files, lambda _: None)
    return whole_loop.score_on_the_device_side(files).part(whole_loop.NORMAL_ROWS)


def test_int8_file_tells_faults_from_normal_work(scores):
    found = figures(scores)
    assert found.roc_auc >= 0.95
    assert found.far < 0.1


def test_every_fault_raises_an_alarm_and_is_blamed_on_a_sensor(scores):
    rows = fault_rows(scores)
    assert len({row.fault for row in rows}) >= 5
    assert all(row.delay_s is not None for row in rows)
    assert all(row.blame[0][1] > 0 for row in rows)
