"""Machines of a plant whose models come from a registry."""

import json

import pytest
from machines import pump_rows, write_csv
from registries import Maker

from edge_runtime.errors import PlantFileError
from edge_runtime.plant.plant_file import read_plant

PLANT = """
[defaults]
model = "{machine}.tflite"
source = "csv:log.csv"
sink = "jsonl:{machine}.jsonl"
state = "{machine}.json"
registry = "registry"
asset = "{machine}"
trusted-key = "maker.pem.pub"
registry-interval = "5m"
probation = "2d"

[machine.pump1]

[machine.pump2]
"""


@pytest.fixture
def plant(tmp_path):
    """The file of a plant."""
    path = tmp_path / "plant.toml"
    path.write_text(PLANT)
    return path


def test_every_machine_fetches_its_own_model(saelite, plant, tmp_path):
    maker = Maker(tmp_path)
    for version, asset in enumerate(("pump1", "pump2"), start=1):
        maker.publish(version, asset=asset, name=asset)
    write_csv(tmp_path / "log.csv", pump_rows(20))
    result = saelite("run", "plant.toml")
    assert result.returncode == 0, result.stderr
    for version, machine in enumerate(("pump1", "pump2"), start=1):
        assert len([json.loads(line) for line in (tmp_path / f"{machine}.jsonl").read_text().splitlines()]) == 19
        assert f"{machine}: version {version} from registry: checked, and put in place" in result.stderr


def test_options_of_a_registry_are_keys_of_the_file(plant):
    settings = read_plant(plant).machines[1].settings.registry
    assert (settings.registry, settings.asset) == ("registry", "pump2")
    assert (settings.registry_interval_s, settings.probation_s) == (300.0, 172_800.0)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [('model = "{machine}.tflite"', 'model = "pump.tflite"', "model of pump2: .* is that of pump1 too"),
     ('asset = "{machine}"', "", "registry: expected --asset NAME"),
     ('trusted-key = "maker.pem.pub"', "", "registry: expected --state FILE"),
     ('probation = "2d"', 'probation = "soon"', "probation: expected a time span")],
)  # fmt: skip
def test_what_cannot_be_is_told_with_its_line(plant, old, new, words):
    plant.write_text(PLANT.replace(old, new))
    with pytest.raises(PlantFileError, match=words):
        read_plant(plant)
