"""A budget of flash and RAM: it sizes the network, stays with the run, and limits the heads."""

import json

import pytest
from machines import SENSORS, pump_rows, write_csv

from edge_runtime.common.forms import FORMS
from edge_runtime.errors import UsageError
from export.c_library.cost import DoesNotFitError
from saelite import train
from saelite.chip_budget import sized_for
from training.recordings import Recording
from training.run_folder import ChipBudget, read_run_folder
from training.settings import DetectorSettings


@pytest.fixture(scope="module")
def pump():
    return Recording("pump", SENSORS, pump_rows(1000))


def sizes(budget, recording, **settings):
    chosen, costs = sized_for(budget, recording, DetectorSettings(**settings))
    return (*chosen.hidden, chosen.code_size), costs


def test_a_large_chip_takes_the_network_as_it_is(pump):
    assert sizes(ChipBudget(flash=1_000_000, ram=100_000), pump)[0] == (128, 32)


def test_layers_are_halved_until_the_dearest_head_fits(pump):
    large, small = (sizes(ChipBudget(flash=kilobytes * 1024), pump)[0] for kilobytes in (40, 24))
    assert (128, 32) > large > small > (4, 4)
    assert large[0] == 4 * large[1]


def test_memory_limits_the_network_too(pump):
    assert sizes(ChipBudget(ram=600), pump)[0] < (128, 32)


def test_a_preset_is_where_the_sizes_start(pump):
    assert sizes(ChipBudget(flash=1_000_000), pump, preset="tiny")[0] != (128, 32)


def test_what_fits_beside_no_network_leaves_the_head_that_needs_none(pump):
    found, costs = sizes(ChipBudget(flash=16_500), pump)
    assert found[-1] == 4
    assert "inputs" in costs
    assert costs.splitlines()[-1].endswith("yes")


def test_what_fits_nothing_is_refused_with_how_much_is_missing(pump):
    with pytest.raises(
        DoesNotFitError, match=r"no head fits the chip: .* inputs takes [\d,]+ and \d+, [\d,]+ bytes too"
    ):
        sizes(ChipBudget(flash=2048), pump)


def test_python_takes_a_budget_too(pump):
    run = train(pump, max_flash=24 * 1024, max_ram=1024, epochs=1)
    chosen = sizes(ChipBudget(24 * 1024, 1024), pump)[0]
    assert tuple(len(layer.bias) for layer in run.folder.network.encoder) == chosen < (128, 32)
    assert run.folder.budget == ChipBudget(24 * 1024, 1024)
    with pytest.raises(UsageError, match="max_ram: expected a whole number of at least 1"):
        train(pump, max_ram=0)


def test_sizes_of_memory_are_those_of_data_sheets():
    assert [FORMS["memory"].parse(text) for text in ("32k", "1M", "900", "32 kB", "-1")] == [
        32768,
        1 << 20,
        900,
        None,
        None,
    ]


def test_the_budget_stays_with_the_run_and_export_keeps_to_it(saelite, tmp_path):
    write_csv(tmp_path / "pump.csv", pump_rows(600))
    done = saelite("train", "pump.csv", "--max-flash", "24k", "--max-ram", "1k", "--epochs", "2", "-o", "run")
    assert done.returncode == 0, done.stderr
    assert "codes for the chip" in done.stdout
    assert json.loads((tmp_path / "run" / "run.json").read_text())["budget"] == {"flash": 24576, "ram": 1024}
    assert read_run_folder(tmp_path / "run").budget == ChipBudget(24576, 1024)
    done = saelite("export", "run", "--target", "c", "--max-flash", "4k", "-o", "pump.tflite")
    assert done.returncode == 2
    assert "expected at most 4,096 bytes of flash and at most 1,024 bytes of RAM" in done.stderr
    assert "instructions, M0" in done.stdout
    done = saelite("export", "run", "--max-flash", "4k", "-o", "pump.tflite")
    assert "a budget of flash or RAM is for targets c and micro" in done.stderr
