"""Files below a folder, in order; links to folders are followed, but never in a circle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from retrieval.errors import InvalidInput


def files_below(folder: Path, *, within: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """Every file below ``folder``, sorted by its path; a link back to a folder on the way is left out.

    Raises InvalidInput naming a folder that cannot be read.
    """
    try:
        here = folder.resolve()
        entries = sorted(folder.iterdir()) if here not in within else []
    except OSError as error:
        raise InvalidInput.of("folder", f"The folder {folder} cannot be read: {error.strerror}.") from error
    for entry in entries:
        if entry.is_dir():
            yield from files_below(entry, within=within | {here})
        elif entry.is_file():
            yield entry
