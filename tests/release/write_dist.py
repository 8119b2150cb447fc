"""Write dist/: wheel, sdist, bills of materials, licences and SHA-256 of all, from the last commit, and check them.

    python tests/release/write_dist.py

Wheel and sdist are built twice and must be the same bytes; tests are run from the unpacked sdist. A bill of materials
(CycloneDX) is written for each Python of a device, without extras and with all that a device can use, and for the
workstation, without and with what fleets need.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from datetime import datetime
from pathlib import Path

from bill_of_materials import write_bill
from commit_build import ROOT, BuildError, build_twice, changed_files, commit_time, digest
from device_pins import EXTRAS, REQUIREMENTS, WITH_EXTRAS, Device, download, pins_of
from package_metadata import Package, PackageError, needs, read_installed, read_wheel
from packaging.markers import default_environment
from sdist_check import check_sdist

_NAME, _MACHINE, _PYTHONS = "saelite", "x86_64", ("3.11", "3.13")

Needs = dict[Package, list[Package]]


def main() -> int:
    """Write and check; return the exit code."""
    if changed := changed_files():
        print(f"dist: built from the last commit, without what changed since in {', '.join(changed[:5])}")
    try:
        with tempfile.TemporaryDirectory() as folder:
            write(ROOT / "dist", Path(folder))
    except (BuildError, PackageError) as error:
        print(f"dist: {error}", file=sys.stderr)
        return 1
    return 0


def write(dist: Path, folder: Path) -> None:
    """Write everything into `dist`, anew."""
    built, when = build_twice(folder), commit_time()
    print(f"dist: {' and '.join(path.name for path in built)}, twice the same bytes")
    sdist, wheel = sorted(built, key=lambda path: path.suffix == ".whl")
    print(f"dist: {sdist.name}: {check_sdist(sdist, folder / 'unpacked')}")
    root = read_wheel(wheel)
    bills = dict[str, Needs]()
    for python in _PYTHONS:
        bills[f"device-py{python}"] = device_needs(root, python, REQUIREMENTS, (), folder)
        bills[f"device-extras-py{python}"] = device_needs(root, python, WITH_EXTRAS, EXTRAS, folder)
    environment = {name: str(value) for name, value in default_environment().items()}
    bills["workstation"] = needs(root, frozenset({"workstation"}), read_installed, environment)
    bills["workstation-fleet"] = needs(root, frozenset({"workstation", "fleet"}), read_installed, environment)
    shutil.rmtree(dist, ignore_errors=True)
    dist.mkdir()
    for path in built:
        shutil.copyfile(path, dist / path.name)
    write_texts(dist, root, bills, when)
    lines = [f"{digest(path)}  {path.name}" for path in sorted(dist.iterdir())]
    (dist / "SHA256SUMS").write_text("\n".join(lines) + "\n")
    print(f"dist: {len(lines)} files and SHA256SUMS in {dist}")


def device_needs(root: Package, python: str, path: Path, extras: tuple[str, ...], folder: Path) -> Needs:
    """Return what a device with this Python installs from a requirements file.

    Raises
    ------
    PackageError
        If the file pins less than the wheel and these extras ask for, or more.
    """
    device = Device(python, _MACHINE)
    downloaded = download(device, path, folder / f"{path.stem}-{python}")
    wheels = {package.name: package for package in map(read_wheel, downloaded)}
    if lacking := pins_of(device, path).keys() - wheels.keys():
        raise PackageError(f"no wheels of {', '.join(sorted(lacking))} for Python {python} on {_MACHINE}")
    found = needs(root, frozenset(extras), lambda name: look_up(wheels, name, path), device.environment)
    if extra := wheels.keys() - {package.name for package in found}:
        raise PackageError(f"{path.name} pins {', '.join(sorted(extra))}, which nothing needs there")
    return found


def look_up(wheels: dict[str, Package], name: str, path: Path) -> Package:
    """Return the package of a wheel."""
    if name not in wheels:
        raise PackageError(f"{path.name} does not pin {name}. Write it again with make requirements.")
    return wheels[name]


def write_texts(dist: Path, root: Package, bills: dict[str, Needs], when: datetime) -> None:
    """Write the bills, and the licences of all that is in them."""
    rows = dict[Package, list[str]]()
    for where, packages in bills.items():
        (dist / f"{_NAME}-{root.version}-{where}.cdx.json").write_text(write_bill(packages, _NAME, when))
        print(f"dist: {where} installs {len(packages)} packages")
        for package in packages:
            rows.setdefault(package, []).append(where)
    merged = dict[tuple[str, ...], list[str]]()
    for package, places in sorted(rows.items(), key=lambda item: (item[0].name, item[0].version)):
        key = package.name, package.version, package.licence, package.homepage
        merged.setdefault(key, []).extend(places)
    lines = ["\t".join((*key, " ".join(places))) for key, places in merged.items()]
    head = "package\tversion\tlicence\thomepage\tinstalled on"
    (dist / f"{_NAME}-{root.version}-licences.tsv").write_text("\n".join([head, *lines]) + "\n")


if __name__ == "__main__":
    sys.exit(main())
