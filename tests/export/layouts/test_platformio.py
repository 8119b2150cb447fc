"""The PlatformIO layout: packed by PlatformIO itself, which validates library.json, and compiled."""

import configparser
import json
import shutil
import tarfile

import pytest
from layout_runs import STUB_BOARD, Wiring, laid_out, pins, run, tool


@pytest.fixture
def library(model, tmp_path):
    return laid_out(model, tmp_path, "platformio")


def test_platformio_packs_it(library, tmp_path):
    pio = tool("pio", "platformio")
    run(pio, "pkg", "pack", library, "-o", tmp_path / "pump.tar.gz")
    with tarfile.open(tmp_path / "pump.tar.gz") as archive:
        packed = {name.removeprefix("./") for name in archive.getnames()}
    assert {"library.json", "src/pump_detector.c", "examples/analog_sensors/src/main.cpp"} <= packed


def test_platformio_refuses_a_manifest_without_a_version(library, tmp_path):
    """The check above can fail."""
    pio = tool("pio", "platformio")
    manifest = json.loads((library / "library.json").read_text())
    (library / "library.json").write_text(json.dumps({**manifest, "version": "no"}))
    with pytest.raises(AssertionError, match="version"):
        run(pio, "pkg", "pack", library, "-o", tmp_path / "pump.tar.gz")


def test_platformio_reads_the_examples_projects(library):
    pio = tool("pio", "platformio")
    for project in sorted((library / "examples").iterdir()):
        assert "framework" in run(pio, "project", "config", "-d", project)


def test_the_manifest_names_files_that_are_there(library):
    manifest = json.loads((library / "library.json").read_text())
    assert (library / "src" / manifest["headers"]).is_file()
    for example in manifest["examples"]:
        assert all((library / example["base"] / path).is_file() for path in example["files"])
        project = configparser.ConfigParser()
        project.read(library / example["base"] / "platformio.ini")
        path = project["env:board"]["lib_deps"].removeprefix("symlink://")
        assert (library / example["base"] / path).resolve() == library


@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")
def test_the_example_says_when_an_alarm_starts_and_ends(model, rows, library, tmp_path):
    wiring, main = Wiring(rows, 3.3 / 4095), library / "examples" / "analog_sensors" / "src" / "main.cpp"
    wiring.edit(main)
    wiring.write_counts(tmp_path)
    for name in ("pump_net", "pump_detector"):
        run("gcc", "-c", library / "src" / f"{name}.c", "-o", tmp_path / f"{name}.o")
    folders = [f"-I{STUB_BOARD}", f"-I{STUB_BOARD / 'arduino'}", f"-I{library / 'src'}"]
    objects = [tmp_path / "pump_net.o", tmp_path / "pump_detector.o"]
    run("g++", "-Wall", "-Wextra", "-Werror", *folders, main, STUB_BOARD / "arduino" / "main.cpp", *objects, "-lm",
        "-o", tmp_path / "sketch")  # fmt: skip
    assert run(tmp_path / "sketch", cwd=tmp_path).splitlines() == pins(wiring.expected(model))
