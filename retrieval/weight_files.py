"""Weights files on the disk: where one is, and whether its bytes are the registered ones. Loads no torch."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from retrieval import conf
from retrieval.errors import WeightsError

BUNDLED = Path(__file__).resolve().parent / "weights"
SUMS = "SHA256SUMS"  # beside the bundled files, as ``sha256sum --check`` reads it
ALTERED = "weights_altered"
LONGEST_NAME = 255  # bytes, on all usual file systems


def find(name: str) -> Path:
    """Where a weights file is: among the bundled ones or in the weights folder. Raises WeightsError when nowhere."""
    if Path(name).name != name or len(name.encode()) > LONGEST_NAME:
        raise WeightsError(f"{name!r} is not a plain file name.")
    for folder in (BUNDLED, conf.get().weights_dir):
        if (folder / name).is_file():
            return folder / name
    raise WeightsError(f"The weights file {name} is neither bundled nor in {conf.get().weights_dir}.")


def require(name: str, *, sha256: str) -> None:
    """Raise WeightsError unless the file is there and has this SHA-256; with the code ALTERED when it has another.

    An untrained encoder names no file, so that nothing can be wrong with it. The digest of a file is kept until its
    size or one of its times changes, so asking often costs little.
    """
    if not name:
        return
    path = find(name)
    try:
        about = path.stat()
        found = _sha256(path, about.st_size, about.st_mtime_ns, about.st_ctime_ns)
    except OSError as error:
        raise WeightsError(f"The weights file {name} cannot be read: {error.strerror}.") from error
    if found != sha256:
        text = f"The weights file {path} was altered: its SHA-256 is {found}, not {sha256}; put the right file back."
        raise WeightsError(text, code=ALTERED)


def require_known(path: Path) -> None:
    """Raise WeightsError unless a bundled file is the one that was bundled; what others should be, only rows know."""
    if path.parent != BUNDLED:
        return
    lines = (BUNDLED / SUMS).read_text().splitlines() if (BUNDLED / SUMS).is_file() else []
    known = {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}
    if path.name not in known:
        raise WeightsError(f"The weights file {path} is unknown: {SUMS} beside it does not list it.")
    require(path.name, sha256=known[path.name])


@lru_cache(maxsize=16)
def _sha256(path: Path, _size: int, _modified: int, _changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
