"""Write docs/licences.md: each package that the site runs on, with its version and the licence that it states.

Usage: python -m bench.licences. Needs what requirements.txt names to be installed, and no internet.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "licences.md"
HEAD = """# Licences

What imagesearch runs on: the packages of `requirements.txt`, and those that they in turn need as the locks hold them,
with the licence that each states of itself. Written by `make licences`; a test fails when one or its version is amiss.
imagesearch itself is under the MIT licence. The packages are installed beside it and not changed. A CUDA build of torch
brings NVIDIA's libraries, under licences of their own. `make sbom` writes the same as a CycloneDX file for machines.
The one file of others that is kept here is Alpine.js 3.17.4 (MIT), in `static/unfold/`.

`make extras` installs what `requirements-extras.txt` names beside them, which no site needs:

* pi-heif 1.4.0 reads HEIC. BSD-3-Clause; its wheel holds libheif and libde265 (LGPL-3.0), no encoder.
* pypdfium2 5.15.2 draws the pages of PDF documents. BSD-3-Clause, Apache-2.0; so is its PDFium.
* pydicom 3.0.2 reads medical pictures (DICOM). MIT.
* imagecodecs 2026.3.6 reads JPEG XL. BSD-3-Clause; its wheel holds many codecs, named in its folder `licenses`.
* rapidocr 3.10.0 brings the weights that read words in pictures (PP-OCRv6 small, of PaddlePaddle). Apache-2.0, the
  weights too (`MODEL_LICENSES.md` in it). Nothing of its code is run, and what that would need is not installed.

`make extras-video` installs what `requirements-extras-video.txt` names, which `make extras` leaves out:

* av 18.1.0 (PyAV) reads videos. BSD-3-Clause; its wheel holds FFmpeg (built as LGPL-3.0-or-later) and what this is
  linked to, among it the encoders x264 and x265 (GPL-2.0-or-later), so that the GPL holds for the wheel as a whole.
  Nothing here encodes. Whoever passes a container with it on passes that on as well.

Known flaws: `make audit-dependencies` asks for them, pin by pin, and fails when it knows one or cannot ask. It needs
the internet, and makes an environment of its own for the tool.

"""
TABLE = """| package | version | licence |
|---|---|---|
"""
IN_TURN = """
## What they in turn need

"""
# Not installed everywhere, so that its own words cannot always be read: read once, by hand.
ELSEWHERE = {"async-timeout": "Apache Software License", "colorama": "BSD License", "tzdata": "Apache-2.0"}


def requirements() -> list[Requirement]:
    """Return what requirements.txt pins, in its order."""
    lines = (line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines())
    return [Requirement(line) for line in lines if line]


def transitive() -> list[Requirement]:
    """Return what the lock holds beside them, by name."""
    direct = {canonicalize_name(requirement.name) for requirement in requirements()}
    text = (ROOT / "requirements.lock").read_text().replace("\\\n", " ")
    lines = [line.partition(" --hash")[0] for line in text.splitlines() if line and not line.startswith("#")]
    return [found for found in map(Requirement, lines) if canonicalize_name(found.name) not in direct]


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


def known(name: str) -> str:
    """Return the licence of a package, be it installed here or not."""
    try:
        return licence(name)
    except PackageNotFoundError:
        return ELSEWHERE[name]


def row(requirement: Requirement) -> str:
    """Return the line of the table."""
    return f"| {requirement.name} | {version(requirement)} | {known(requirement.name)} |"


def page() -> str:
    """Return the whole page."""
    first, second = ("\n".join(map(row, rows)) + "\n" for rows in (requirements(), transitive()))
    return HEAD + TABLE + first + IN_TURN + TABLE + second


if __name__ == "__main__":
    PAGE.write_text(page())
