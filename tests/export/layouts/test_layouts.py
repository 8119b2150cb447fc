"""What is true of every layout."""

import re
import shutil
import subprocess
from dataclasses import replace

import pytest
from layout_runs import laid_out, run

from edge_runtime.errors import UsageError
from edge_runtime.model_file.manifest import Sensor
from export.c_library.layouts.table import DEFAULT_LAYOUT, LAYOUTS
from export.c_library.library import c_library
from saelite.commands.export import export as export_command
from saelite.exporting import export

HOSTILE = '*/ system("x"); ${x} $(x) @n@ \\'
needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")


def test_the_command_offers_every_layout():
    (option,) = [one for one in export_command.params if one.name == "layout"]
    assert list(option.type.choices) == list(LAYOUTS)
    assert option.help.endswith(f"[default: {DEFAULT_LAYOUT}]")


def test_the_command_writes_the_layout_beside_the_file(trained, saelite, tmp_path):
    (tmp_path / "run").mkdir()
    trained.folder.write(tmp_path / "run")
    done = saelite("export", "run", "--target", "c", "--layout", "arduino", "-o", "pump.tflite")
    assert done.returncode == 0, done.stderr
    assert "wrote pump/library.properties" in done.stdout
    assert (tmp_path / "pump" / "src" / "pump_detector.h").is_file()


def test_a_layout_is_for_the_target_c(trained, tmp_path):
    with pytest.raises(UsageError, match=r"a layout is for target c: .* Received: arduino for micro"):
        export(trained, tmp_path / "pump.tflite", target="micro", layout="arduino")


def test_an_unknown_layout_is_refused(model):
    with pytest.raises(UsageError, match="unknown layout: expected one of plain, cmake"):
        c_library(model, "pump", layout="make")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_sources_are_the_same_and_no_mark_is_left(model, layout):
    files, plain = c_library(model, "pump", layout=layout), c_library(model, "pump", layout="plain")
    for path, text in files.items():
        name = path.rpartition("/")[2]
        if re.fullmatch(r"pump_(net|detector)\.[ch]", name):
            assert text == plain[name]
        assert not re.search(r"@\w+@", text), path
    assert "## Use it" in files["README.md"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_names_from_the_manifest_are_harmless(model, layout):
    spec = model.manifest.spec._replace(sensors=tuple(Sensor(HOSTILE, f"a\n{HOSTILE}{number}") for number in range(4)))
    hostile = replace(model, manifest=replace(model.manifest, name=HOSTILE, spec=spec))
    for path, text in c_library(hostile, "pump", layout=layout).items():
        assert 'system("' not in text, path
        if not path.endswith((".c", ".cpp", ".ino")):
            assert "${x}" not in text, path
            assert "$(x)" not in text, path


@needs_gcc
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_selftest_of_every_layout_passes(model, tmp_path, layout):
    folder = laid_out(model, tmp_path, layout)
    sources = [path for path in folder.rglob("pump_*.c") if "analog" not in path.parent.name]
    (tmp_path / "main.c").write_text("int pump_selftest(void);\nint main(void) { return pump_selftest(); }\n")
    headers = {f"-I{path.parent}" for path in folder.rglob("*.h")}
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-DPUMP_SELFTEST_NO_MAIN"]
    run("gcc", *flags, *headers, *sources, tmp_path / "main.c", "-lm", "-o", tmp_path / "selftest")
    assert run(tmp_path / "selftest").startswith("PASS: 0 of ")


@needs_gcc
def test_a_compiler_with_an_int_of_16_bits_is_refused(model, tmp_path):
    folder = laid_out(model, tmp_path, "arduino")
    command = ["gcc", "-fsyntax-only", "-U__INT_MAX__", "-D__INT_MAX__=32767", folder / "src" / "pump_net.h"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "expected an int of 32 bits or more" in done.stderr


def test_the_period_is_that_of_the_recording(model):
    preprocessing = replace(model.manifest.spec.preprocessing, rate_hz=50.0)
    timed = replace(model, manifest=replace(
        model.manifest, spec=model.manifest.spec._replace(preprocessing=preprocessing)))  # fmt: skip
    assert (
        "PERIOD_MS 20  // between two readings, as in the recording"
        in (c_library(timed, "pump", layout="plain")["examples/analog_sensors.c"])
    )
