"""Packages as their own metadata describe them, installed here or in wheels, and what each needs."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.metadata import Metadata
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_LONGEST_LICENCE = 80  # longer ones are whole texts
_CLASSIFIER = "License :: "
# Of packages whose metadata name none: what every source file in them says.
_LOOKED_UP = {"tflite-micro": "Apache-2.0"}


class PackageError(Exception):
    """A package is missing, or does not say what it has to."""


@dataclass(frozen=True)
class Package:
    """One package of a bill of materials.

    Parameters
    ----------
    name : str
        Normalised.
    version : str
    licence : str
        The SPDX expression if its author gave one, otherwise the classifiers or the author's own words.
    homepage : str
        Empty if it names none.
    requires : tuple of Requirement
    sha256 : str
        Of its wheel; empty where that is gone.
    """

    name: str
    version: str
    licence: str
    homepage: str
    requires: tuple[Requirement, ...] = field(repr=False)
    sha256: str = ""


def read_package(metadata: str, read_file: Callable[[str], str | None], wheel_sha256: str = "") -> Package:
    """Return what a package says of itself.

    Parameters
    ----------
    metadata : str
        Its METADATA.
    read_file : callable
        From the name of another file beside that one to its text, None if there is no such file.
    wheel_sha256 : str

    Raises
    ------
    PackageError
        If it names no licence.
    """
    read = Metadata.from_email(metadata, validate=False)
    links = {label.lower(): link for label, link in (read.project_urls or {}).items()}
    homepage = read.home_page or links.get("homepage") or links.get("source") or next(iter(links.values()), "")
    version, requires = str(read.version), tuple(read.requires_dist or ())
    return Package(canonicalize_name(read.name), version, _licence(read, read_file), homepage, requires, wheel_sha256)


def _licence(read: Metadata, read_file: Callable[[str], str | None]) -> str:
    if read.license_expression:
        return str(read.license_expression)
    own_words = (read.license or "").strip()
    if own_words not in ("", "UNKNOWN") and len(own_words) <= _LONGEST_LICENCE and "\n" not in own_words:
        return own_words
    if classifiers := [word.split(" :: ")[-1] for word in read.classifiers or () if word.startswith(_CLASSIFIER)]:
        return ", ".join(classifiers)
    for name in read.license_files or ():
        if text := read_file(f"licenses/{name}") or read_file(name):
            return next(line.strip() for line in text.splitlines() if "licen" in line.lower())
    if known := _LOOKED_UP.get(canonicalize_name(read.name)):
        return known
    raise PackageError(f"{read.name} {read.version} names no licence. Look it up, or do without the package.")


def read_wheel(path: Path) -> Package:
    """Return the package in a wheel, with the wheel's hash."""
    with zipfile.ZipFile(path) as archive:
        (folder,) = {name.split("/")[0] for name in archive.namelist() if name.endswith(".dist-info/METADATA")}

        def read(name: str) -> str | None:
            try:
                return archive.read(f"{folder}/{name}").decode()
            except KeyError:
                return None

        return read_package(read("METADATA") or "", read, sha256(path.read_bytes()).hexdigest())


def read_installed(name: str) -> Package:
    """Return a package of this environment.

    Raises
    ------
    PackageError
        If it is not installed.
    """
    try:
        found = distribution(name)
    except PackageNotFoundError:
        raise PackageError(f"{name} is needed and not installed. Install everything with make test.") from None
    return read_package(found.read_text("METADATA") or "", found.read_text)


def needs(
    root: Package, extras: frozenset[str], look_up: Callable[[str], Package], environment: Mapping[str, str]
) -> dict[Package, list[Package]]:
    """Return each package that `root` needs, itself among them, with those that it needs itself.

    Parameters
    ----------
    root : Package
    extras : frozenset of str
        Extras of `root`.
    look_up : callable
        From a normalised name to its package.
    environment : mapping of str to str
        What markers are evaluated for.
    """
    wanted, todo = {root.name: extras}, [root]
    packages, edges = {root.name: root}, dict[str, set[str]]()
    while todo:
        package = todo.pop()
        counting = [r for r in package.requires if _counts(r, wanted[package.name], environment)]
        edges[package.name] = {str(canonicalize_name(r.name)) for r in counting} - {package.name}
        for requirement in counting:
            name = canonicalize_name(requirement.name)
            before, now = wanted.get(name), wanted.get(name, frozenset()) | frozenset(requirement.extras)
            if before != now:
                wanted[name], packages[name] = now, packages.get(name) or look_up(name)
                todo.append(packages[name])
    return {packages[name]: [packages[other] for other in sorted(edges[name])] for name in sorted(packages)}


def _counts(requirement: Requirement, extras: frozenset[str], environment: Mapping[str, str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({**environment, "extra": extra}) for extra in extras or {""})
