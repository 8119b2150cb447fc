"""The ESP-IDF layout: its manifests by the component manager's own schema, its projects by CMake with a stub of IDF."""

import os
import shutil

import pytest
import yaml
from layout_runs import STUB_BOARD, Wiring, laid_out, pins, run, tool

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
PROJECTS = ("examples/analog_sensors", "test_apps/selftest")


@pytest.fixture
def component(model, tmp_path):
    return laid_out(model, tmp_path, "esp-idf")


def test_the_component_manager_takes_every_manifest_and_packs_it(component, tmp_path):
    compote = tool("compote", "idf-component-manager")
    for folder in (component, *(component / project / "main" for project in PROJECTS)):
        run(compote, "manifest", "lint", folder / "idf_component.yml")
    run(compote, "component", "pack", "--name", "pump", "--dest-dir", tmp_path / "packed", cwd=component)
    assert list((tmp_path / "packed").glob("pump_0.0.0*"))


def test_the_component_manager_refuses_a_wrong_version(component):
    """The check above can fail."""
    compote = tool("compote", "idf-component-manager")
    manifest = component / "idf_component.yml"
    manifest.write_text(manifest.read_text().replace("0.0.0", "no"))
    with pytest.raises(AssertionError, match="version"):
        run(compote, "manifest", "lint", manifest)


def test_projects_find_the_component_by_its_path(component):
    for project in PROJECTS:
        manifest = yaml.safe_load((component / project / "main" / "idf_component.yml").read_text())
        path = component / project / "main" / manifest["dependencies"]["pump"]["path"]
        assert path.resolve() == component


def built(project):
    cmake, environment = tool("cmake", "cmake"), {**os.environ, "IDF_PATH": str(STUB_BOARD / "esp_idf")}
    run(cmake, "-S", project, "-B", project / "build", env=environment)
    run(cmake, "--build", project / "build")
    return project / "build" / "program"


@needs_gcc
def test_the_example_says_when_an_alarm_starts_and_ends_and_sets_the_pin(model, rows, component, tmp_path):
    wiring, project = Wiring(rows, 3.1 / 4095), component / "examples" / "analog_sensors"
    wiring.edit(project / "main" / "main.c")
    wiring.write_counts(tmp_path)
    assert run(built(project), cwd=tmp_path).splitlines() == pins(wiring.expected(model))


@needs_gcc
def test_the_selftest_project_passes(component):
    said = run(built(component / "test_apps" / "selftest")).splitlines()
    assert said[0].startswith("PASS: 0 of ")
    assert said[1] == "the self-test passed"
