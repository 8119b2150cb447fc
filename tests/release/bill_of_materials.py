"""A CycloneDX bill of materials, the same bytes for the same packages."""

from __future__ import annotations

import json
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from package_metadata import Package
from packageurl import PackageURL


def write_bill(packages: dict[Package, list[Package]], root: str, when: datetime) -> str:
    """Return the JSON of a bill.

    Parameters
    ----------
    packages : dict of Package to list of Package
        Everything in it, and what each needs.
    root : str
        Name of the one that the bill is of.
    when : datetime
        Time it is dated with.
    """
    components = {package: _component(package) for package in packages}
    bom = Bom(serial_number=uuid5(NAMESPACE_URL, repr([(p, [n.name for n in ns]) for p, ns in packages.items()])))
    bom.metadata.timestamp = when
    for package, component in components.items():
        if package.name == root:
            component.type = ComponentType.APPLICATION
            bom.metadata.component = component
        else:
            bom.components.add(component)
        bom.register_dependency(component, [components[other] for other in packages[package]])
    return json.dumps(json.loads(JsonV1Dot6(bom).output_as_string()), indent=1, sort_keys=True) + "\n"


def _component(package: Package) -> Component:
    purl = PackageURL("pypi", name=package.name, version=package.version)
    link = ExternalReference(type=ExternalReferenceType.WEBSITE, url=XsUri(package.homepage))
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        bom_ref=str(purl),
        purl=purl,
        licenses=[LicenseFactory().make_from_string(package.licence)],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=package.sha256)] if package.sha256 else None,
        external_references=[link] if package.homepage else None,
    )
