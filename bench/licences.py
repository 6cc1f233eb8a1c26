"""Write docs/licences.md: each run-time requirement with its version and licence, as its own package states them.

Usage: python -m bench.licences. Needs what requirements.txt names to be installed, and no internet.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "licences.md"
HEAD = """# Licences

What imagesearch runs on: the packages of `requirements.txt`, with the licence that each states of itself. Written by
`make licences`; a test fails when a requirement or its version is missing here. imagesearch itself is under the MIT
licence. The packages are installed beside it and not changed; what they in turn depend on is not listed.
The one file of others that is kept here is Alpine.js 3.17.4 (MIT), in `static/unfold/`.

Known flaws: `make audit-dependencies` asks for them, pin by pin, and fails when it knows one or cannot ask. It needs
the internet, and makes an environment of its own for the tool.

| package | version | licence |
|---|---|---|
"""
# Not installed everywhere, so that its own words cannot always be read: read once, by hand.
ELSEWHERE = {"async-timeout": "Apache Software License"}


def requirements() -> list[Requirement]:
    """Return what requirements.txt pins, in its order."""
    lines = (line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines())
    return [Requirement(line) for line in lines if line]


def version(requirement: Requirement) -> str:
    """Return the one version that is pinned."""
    return str(requirement.specifier).removeprefix("==")


def licence(name: str) -> str:
    """Return the licence a package states: its expression, else its classifiers, else its short text.

    Raises PackageNotFoundError for one that is not installed, ValueError for one that states nothing.
    """
    stated = metadata(name)
    named = [line.split(" :: ")[-1] for line in stated.get_all("Classifier") or () if line.startswith("License ::")]
    text = (stated["License"] or "").strip()
    found: str = stated["License-Expression"] or ", ".join(named) or ("" if "\n" in text else text)
    if not found:
        raise ValueError(f"{name} states no licence.")
    return found


def row(requirement: Requirement) -> str:
    """Return the line of the table."""
    try:
        found = licence(requirement.name)
    except PackageNotFoundError:
        found = ELSEWHERE[requirement.name]
    return f"| {requirement.name} | {version(requirement)} | {found} |"


def page() -> str:
    """Return the whole page."""
    return HEAD + "\n".join(row(requirement) for requirement in requirements()) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
