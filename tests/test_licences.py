"""The page of licences names every requirement, and the command that writes it reads what packages state."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError

import pytest
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from bench import licences, sbom


def test_every_requirement_is_on_the_page_with_its_version():
    told = {tuple(line.split(" | ")[:2]) for line in licences.PAGE.read_text().splitlines()}
    pinned = {(f"| {requirement.name}", licences.version(requirement)) for requirement in licences.requirements()}
    assert len(pinned) > 20
    assert sorted(pinned - told) == []


def test_every_package_of_the_lock_is_on_the_page():
    told = {tuple(line.split(" | ")[:2]) for line in licences.PAGE.read_text().splitlines()}
    locked = {(f"| {requirement.name}", licences.version(requirement)) for requirement in licences.transitive()}
    assert len(locked) > 30
    assert sorted(locked - told) == []


def test_the_bill_of_materials_names_every_package_with_its_licence(tmp_path):
    text = JsonV1Dot6(sbom.bom()).output_as_string()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    told = json.loads(text)
    assert len(told["components"]) == len(licences.requirements()) + len(licences.transitive())
    assert all(each["licenses"] and each["purl"] for each in told["components"])
    needs = {each["ref"]: " ".join(each.get("dependsOn", [])) for each in told["dependencies"]}
    assert "pkg:pypi/torch@" in needs["imagesearch"]
    assert "pkg:pypi/sympy@" in next(wanted for ref, wanted in needs.items() if "/torch@" in ref)


def test_every_optional_package_is_told_of_with_its_version_and_licence():
    told = licences.PAGE.read_text()
    files = licences.ROOT.glob("requirements-extras*.txt")
    lines = [line for file in files for line in file.read_text().splitlines() if line[0] != "#"]
    for name, _, version in (line.partition("==") for line in lines):
        assert f"* {name} {version} " in told
        assert licences.licence(name)


def test_nothing_stands_there_that_is_not_required():
    lines = [line for line in licences.PAGE.read_text().splitlines() if line.startswith("| ")]
    rows = [line for line in lines if not line.startswith("| package")]
    assert len(rows) == len(licences.requirements()) + len(licences.transitive())
    assert all(line.split(" | ")[2].strip(" |") for line in rows)


def test_the_page_is_what_the_command_writes():
    begins, rows = licences.HEAD, {line for line in licences.PAGE.read_text().splitlines() if line.startswith("| ")}
    assert licences.page().startswith(begins)
    assert licences.PAGE.read_text().startswith(begins)
    # Other builds of torch and the like may state themselves otherwise; these come in one build for all.
    assert {licences.row(each) for each in licences.requirements() if each.name in {"Django", "structlog"}} <= rows


@pytest.mark.parametrize(
    ("stated", "found"),
    [
        ({"License-Expression": "MIT", "License": "long\ntext"}, "MIT"),
        ({"Classifier": ["Topic :: X", "License :: OSI Approved :: BSD License"]}, "BSD License"),
        ({"License": "BSD"}, "BSD"),
    ],
)
def test_what_a_package_states_of_itself(monkeypatch, stated, found):
    monkeypatch.setattr(licences, "metadata", lambda name: Stated(stated))
    assert licences.licence("some") == found


@pytest.mark.parametrize("stated", [{}, {"License": "a whole\ntext"}])
def test_a_package_that_states_nothing_is_noticed(monkeypatch, stated):
    monkeypatch.setattr(licences, "metadata", lambda name: Stated(stated))
    with pytest.raises(ValueError, match="states no licence"):
        licences.licence("some")


def test_one_that_is_not_installed_and_unknown_is_noticed():
    with pytest.raises(PackageNotFoundError):
        licences.licence("no-such-package-here")


class Stated(dict):
    """A package's metadata: a missing field is None, as there."""

    def __missing__(self, key):
        return None

    def get_all(self, key):
        return self.get(key)
