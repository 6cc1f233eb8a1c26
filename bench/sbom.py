"""Write a software bill of materials: every package that the site runs on, as a CycloneDX 1.6 file.

Usage: python -m bench.sbom FILE. Needs what the locks name to be installed, and no internet.
"""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bench import licences
from retrieval import __version__


def bom() -> Bom:
    """Return the site, the packages it needs, and what each of these needs."""
    made = Bom()
    site = Component(name="imagesearch", version=__version__, type=ComponentType.APPLICATION, bom_ref="imagesearch")
    site.licenses.add(LicenseFactory().make_from_string("MIT"))
    made.metadata.component = site
    # Of some there are two versions, for different versions of Python.
    parts = [_component(each) for each in [*_direct(), *licences.transitive()]]
    made.components.update(parts)
    direct = {canonicalize_name(each.name) for each in _direct()}
    made.register_dependency(site, [part for part in parts if part.name in direct])
    for part in parts:
        needs = _needs(part.name)
        made.register_dependency(part, [other for other in parts if other.name in needs])
    return made


def _direct() -> list[Requirement]:
    return licences.requirements()


def _component(requirement: Requirement) -> Component:
    name, version = str(canonicalize_name(requirement.name)), licences.version(requirement)
    purl = PackageURL("pypi", None, name, version)
    made = Component(name=name, version=version, type=ComponentType.LIBRARY, bom_ref=str(purl), purl=purl)
    made.licenses.add(LicenseFactory().make_from_string(licences.known(requirement.name)))
    return made


def _needs(name: str) -> set[str]:
    """What a package says that it needs here; one that is not installed here says nothing."""
    try:
        said = map(Requirement, requires(name) or ())
    except PackageNotFoundError:
        return set()
    return {canonicalize_name(each.name) for each in said if not each.marker or each.marker.evaluate({"extra": ""})}


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(JsonV1Dot6(bom()).output_as_string(indent=1) + "\n")
