"""What a release says of itself: pins with hashes, bills of materials, licences."""

import json
import re
from datetime import datetime, timezone
from pathlib import Path

import pytest
from bill_of_materials import write_bill
from device_pins import DEVICES, EXTRAS, REQUIREMENTS, WITH_EXTRAS, pins_of, read_pins
from package_metadata import Package, PackageError, needs, read_package
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
FILES = (REQUIREMENTS, WITH_EXTRAS)
OF_A_WORKSTATION = {"dev", "docs", "export", "fleet", "peers", "workstation"}
RUNTIME = {"3.11": "tflite-runtime", "3.13": "ai-edge-litert"}


def package(name, *requires, sha256=""):
    return Package(name, "1.0", "MIT", f"home of {name}", tuple(map(Requirement, requires)), sha256)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_pin_has_hashes_and_no_host_is_named(path):
    pins = read_pins(path.read_text())
    assert pins
    for pin in pins:
        assert pin.hashes
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in pin.hashes), pin.requirement
    assert not re.search(r"https?:|--(extra-)?index-url|--find-links|/", re.sub("(?m)^ *#.*", "", path.read_text()))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_pins_are_the_versions_that_were_tested(path):
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    tested = {(one.name, str(one.specifier)) for one in map(Requirement, lines)}
    names = {name for name, _ in tested}
    pins = {(pin.requirement.name, str(pin.requirement.specifier)) for pin in read_pins(path.read_text())}
    # For Python 3.10, which constraints.txt leaves open.
    old = {("pycparser", "==3.11"), ("python-dateutil", "==3.0.0"), ("starlette", "==1.7.0")}
    assert {pin for pin in pins if pin[0] in names} - tested <= old


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: f"{device.python}-{device.machine}")
def test_each_device_gets_click_numpy_and_a_runtime_where_there_is_one(device):
    names = set(pins_of(device))
    has_runtime = (device.python, device.machine) != ("3.13", "armv7l")
    assert {"click", "numpy"} < names if has_runtime else names == {"click", "numpy"}
    assert (RUNTIME[device.python] in names) == has_runtime


def test_every_extra_of_a_device_is_pinned():
    text = (ROOT / "pyproject.toml").read_text().split("[project.optional-dependencies]")[1].split("\n[")[0]
    found = {line.split(" = ")[0]: re.findall(r'"([^"]+)"', line) for line in text.splitlines() if " = [" in line}
    assert set(EXTRAS) == found.keys() - OF_A_WORKSTATION
    pinned = {pin.requirement.name for pin in read_pins(WITH_EXTRAS.read_text())}
    assert {Requirement(one).name for name in EXTRAS for one in found[name]} <= pinned


def test_needs_follow_extras_and_markers():
    found = {
        "a": package("a", "b[fast]", "c; python_version < '3'", "d; extra == 'more'"),
        "b": package("b", "e; extra == 'fast'", "f; extra == 'slow'"),
        "d": package("d", "b"),
        "e": package("e", "a"),
    }
    environment = {"python_version": "3.11"}
    edges = needs(found["a"], frozenset({"more"}), found.__getitem__, environment)
    names = {one.name: [other.name for other in others] for one, others in edges.items()}
    assert names == {"a": ["b", "d"], "b": ["e"], "d": ["b"], "e": ["a"]}
    assert {one.name for one in needs(found["a"], frozenset(), found.__getitem__, environment)} == {"a", "b", "e"}


def test_bill_is_the_same_bytes_again_and_names_versions_hashes_and_edges():
    one, other = package("one", "other"), package("other", sha256="ab" * 32)
    when = datetime(2026, 1, 2, tzinfo=timezone.utc)
    text = write_bill({one: [other], other: []}, "one", when)
    assert text == write_bill({one: [other], other: []}, "one", when)
    bill = json.loads(text)
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "one")
    (component,) = bill["components"]
    assert component["purl"] == "pkg:pypi/other@1.0"
    assert component["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    assert component["licenses"] == [{"license": {"id": "MIT"}}]
    assert {"ref": "pkg:pypi/one@1.0", "dependsOn": ["pkg:pypi/other@1.0"]} in bill["dependencies"]


@pytest.mark.parametrize(
    ("lines", "licence"),
    [
        ("License-Expression: MIT OR Apache-2.0\nLicense: no", "MIT OR Apache-2.0"),
        ("License: BSD", "BSD"),
        ("License: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License", "MIT License"),
        ("License-File: LICENSE", "Under the Apache License"),
    ],
)
def test_licence_is_the_most_exact_word_of_it(lines, licence):
    read = {"licenses/LICENSE": "Copyright\n\n  Under the Apache License\n"}.get
    assert read_package(f"Metadata-Version: 2.4\nName: x\nVersion: 1\n{lines}\n", read).licence == licence


def test_licence_that_was_looked_up_stands_in_for_none():
    assert (
        read_package("Metadata-Version: 2.1\nName: tflite_micro\nVersion: 1\n", lambda _: None).licence == "Apache-2.0"
    )


def test_package_without_a_licence_is_refused():
    with pytest.raises(PackageError, match="x 1 names no licence"):
        read_package("Metadata-Version: 2.4\nName: x\nVersion: 1\n", lambda _: None)
