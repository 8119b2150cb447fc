"""The Arduino layout, by the rules of the Arduino library specification, revision 2.2, and compiled as sketches.

arduino-lint is a program that no package registry has; these are the rules it applies, written from the specification.
"""

import re
import shutil

import pytest
from layout_runs import STUB_BOARD, Wiring, laid_out, pins, run

from export.c_library.layouts.arduino import library_name

REQUIRED = {
    "name",
    "version",
    "author",
    "maintainer",
    "sentence",
    "paragraph",
    "category",
    "url",
    "architectures",
}
OPTIONAL = {"depends", "dot_a_linkage", "includes", "precompiled", "ldflags"}
CATEGORIES = {
    "Display",
    "Communication",
    "Signal Input/Output",
    "Sensors",
    "Device Control",
    "Timing",
    "Data Storage",
    "Data Processing",
    "Other",
}
NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}")
FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
PERSON = re.compile(r"[^<>,]+( <[^@<> ]+@[^@<> ]+>)?")
FLAGS = ["-std=gnu++11", "-O2", "-Wall", "-Wextra", "-Werror"]
needs_gpp = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")


@pytest.fixture
def library(model, tmp_path):
    return laid_out(model, tmp_path, "arduino")


def properties(library):
    lines = [line for line in (library / "library.properties").read_text().splitlines() if not line.startswith("#")]
    pairs = [line.split("=", 1) for line in lines if line]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def test_properties_have_the_fields_of_the_specification(library):
    found = properties(library)
    assert set(found) >= REQUIRED
    assert set(found) <= REQUIRED | OPTIONAL
    assert all(value == value.strip() and value for value in found.values())


def test_properties_hold_what_the_specification_allows(library):
    found = properties(library)
    assert NAME.fullmatch(found["name"])
    assert not found["name"].lower().startswith("arduino")
    assert SEMVER.fullmatch(found["version"])
    assert PERSON.fullmatch(found["maintainer"])
    assert not found["maintainer"].lower().startswith("arduino")
    assert all(PERSON.fullmatch(author.strip()) for author in found["author"].split(","))
    assert found["category"] in CATEGORIES
    assert re.fullmatch(r"https?://[\w.-]+/\S*", found["url"])
    assert not found["paragraph"].startswith(found["sentence"])
    assert found["architectures"] == "*"
    assert all((library / "src" / header).is_file() for header in found["includes"].split(","))


@pytest.mark.parametrize("name", ["pump", "Arduino_pump", "arduino", "x" * 80, "detector_7"])
def test_every_name_becomes_one_that_the_specification_allows(name):
    assert NAME.fullmatch(library_name(name))
    assert not library_name(name).lower().startswith("arduino")


def test_folders_are_those_of_a_recursive_library(library):
    assert FOLDER.fullmatch(library.name)
    assert {path.name for path in library.iterdir()} == {
        "README.md",
        "examples",
        "keywords.txt",
        "library.properties",
        "src",
    }
    assert {path.suffix for path in (library / "src").rglob("*")} == {".c", ".h"}
    sketches = list((library / "examples").iterdir())
    assert sketches
    for sketch in sketches:
        assert FOLDER.fullmatch(sketch.name)
        assert [path.name for path in sketch.glob("*.ino")] == [f"{sketch.name}.ino"]
        assert {path.suffix for path in sketch.iterdir()} <= {".ino", ".c", ".cpp", ".h"}


def test_keywords_are_tabbed_and_of_the_library(library):
    lines = [line for line in (library / "keywords.txt").read_text().splitlines() if line and line[0] != "#"]
    headers = "".join(path.read_text() for path in (library / "src").glob("*.h"))
    words = [line.split("\t") for line in lines]
    assert all(len(one) == 2 and one[1] in ("KEYWORD1", "KEYWORD2", "LITERAL1") for one in words)
    assert len({one[0] for one in words}) == len(words)
    assert all(re.search(rf"\b{one[0]}\b", headers) for one in words)
    assert ["pump_detector", "KEYWORD1"] in words
    assert ["pump_detector_update", "KEYWORD2"] in words
    assert ["PUMP_SENSOR_FLOW", "LITERAL1"] in words


def compiled(library, sketch, *flags):
    """Compile a sketch as the Arduino builder does: the library's C as C, the .ino as C++."""
    objects = []
    for source in [*(library / "src").glob("*.c"), *sketch.glob("*.c")]:
        objects.append(library.parent / f"{source.stem}.o")
        run(
            "gcc",
            "-std=gnu11",
            "-O2",
            "-Wall",
            "-Wextra",
            "-Werror",
            f"-I{library / 'src'}",
            "-c",
            source,
            "-o",
            objects[-1],
        )
    board = [f"-I{STUB_BOARD}", f"-I{STUB_BOARD / 'arduino'}", f"-I{library / 'src'}"]
    ino = ["-x", "c++", *sketch.glob("*.ino"), STUB_BOARD / "arduino" / "main.cpp", "-x", "none"]
    run("g++", *FLAGS, *flags, *board, *ino, *objects, "-lm", "-o", library.parent / "sketch")
    return library.parent / "sketch"


@needs_gpp
def test_the_sketch_says_when_an_alarm_starts_and_ends_and_lights_the_led(model, rows, library):
    wiring, sketch = Wiring(rows, 3.3 / 1023), library / "examples" / "AnalogSensors"
    wiring.edit(sketch / "AnalogSensors.ino")
    wiring.write_counts(library.parent)
    said = run(compiled(library, sketch), cwd=library.parent).splitlines()
    assert said == pins(wiring.expected(model))


@needs_gpp
def test_the_selftest_sketch_passes(library):
    said = run(compiled(library, library / "examples" / "SelfTest", "-DONCE")).splitlines()
    assert said[0].startswith("PASS: 0 of ")
    assert said[1] == "PASS"
