"""The Zephyr layout: module.yml and Kconfig by parsers of their languages, applications by CMake with a stub."""

import os
import re
import shutil
from pathlib import Path

import pytest
import yaml
from layout_runs import STUB_BOARD, Wiring, laid_out, run, tool

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
# Of a module's file, the keys that Zephyr's documentation lists ("Modules, module yaml file description") and that
# ours may use; no package holds Zephyr's own schema.
SCHEMA = """\
type: map
mapping:
  name: {type: str, required: true, pattern: "[A-Za-z][A-Za-z0-9_]*"}
  build:
    type: map
    required: true
    mapping:
      cmake: {type: str, required: true}
      kconfig: {type: str, required: true}
  samples: {type: seq, sequence: [{type: str}]}
  tests: {type: seq, sequence: [{type: str}]}
"""
KCONFIG = """\
import sys, kconfiglib
configuration = kconfiglib.Kconfig(sys.argv[1], warn_to_stderr=False)
symbol = configuration.syms["SAELITE_PUMP"]
symbol.set_value("y")
print(kconfiglib.TYPE_TO_STR[symbol.type], symbol.str_value, len(configuration.warnings))
"""


@pytest.fixture
def module(model, tmp_path):
    return laid_out(model, tmp_path, "zephyr")


def test_module_yml_fits_the_documented_schema(module, tmp_path):
    pykwalify = tool("pykwalify", "pykwalify")
    (tmp_path / "schema.yaml").write_text(SCHEMA)
    run(pykwalify, "-d", module / "zephyr" / "module.yml", "-s", tmp_path / "schema.yaml")


def test_module_yml_names_folders_that_are_there(module):
    described = yaml.safe_load((module / "zephyr" / "module.yml").read_text())
    assert (module / described["build"]["cmake"] / "CMakeLists.txt").is_file()
    assert (module / described["build"]["kconfig"]).is_file()
    assert list((module / described["samples"][0]).rglob("sample.yaml"))
    assert list((module / described["tests"][0]).rglob("testcase.yaml"))


@pytest.mark.parametrize("name", ["no", "on", "null", "pump"])
def test_a_name_stays_text_in_yaml(model, tmp_path, name):
    folder = laid_out(model, tmp_path, "zephyr", name)
    assert yaml.safe_load((folder / "zephyr" / "module.yml").read_text())["name"] == name


def test_kconfig_is_read_without_a_warning(module):
    python = Path(tool("pykwalify", "pykwalify kconfiglib")).with_name("python")
    assert run(python, "-c", KCONFIG, module / "zephyr" / "Kconfig").split() == ["bool", "y", "0"]


def test_the_overlay_has_a_channel_for_each_sensor(module):
    overlay = (module / "samples" / "analog_sensors" / "app.overlay").read_text()
    nodes = re.findall(r"channel@(\w+) \{\s+reg = <(\d+)>;", overlay)
    assert [(int(address, 16), int(reg)) for address, reg in nodes] == [(number, number) for number in range(4)]
    assert re.findall(r"<&adc (\d+)>", overlay) == ["0", "1", "2", "3"]
    assert overlay.count("{") == overlay.count("}") == 7


def built(application):
    cmake, environment = tool("cmake", "cmake"), {**os.environ, "ZEPHYR_BASE": str(STUB_BOARD / "zephyr")}
    run(cmake, "-S", application, "-B", application / "build", env=environment)
    run(cmake, "--build", application / "build")
    return application / "build" / "app"


@needs_gcc
def test_the_sample_says_when_an_alarm_starts_and_ends(model, rows, module, tmp_path):
    wiring, sample = Wiring(rows, 1.0), module / "samples" / "analog_sensors"
    wiring.edit(sample / "src" / "main.c")
    wiring.write_counts(tmp_path)
    assert run(built(sample), cwd=tmp_path).splitlines() == wiring.expected(model)


@needs_gcc
def test_the_selftest_application_passes(module):
    said = run(built(module / "tests" / "selftest"))
    wanted = yaml.safe_load((module / "tests" / "selftest" / "testcase.yaml").read_text())
    (pattern,) = wanted["tests"]["pump.selftest"]["harness_config"]["regex"]
    assert re.match(pattern, said)
