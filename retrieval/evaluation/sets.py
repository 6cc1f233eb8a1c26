"""Labelled pictures by name, from a folder or anywhere else: numbered, and known by a digest of their contents."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import InvalidInput
from retrieval.evaluation.protocol import ALONE, LabelledSet

SUFFIXES = {".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
GALLERY, QUERIES = "gallery", "query"


@dataclass(frozen=True)
class Entry:
    """One labelled picture: a name to show, the names of its class and of its group (empty for none)."""

    item: str
    class_name: str
    group: str = ""


def entries(folder: Path) -> tuple[Entry, ...]:
    """The pictures under ``folder``: ``class/name``, or ``class/group/name`` for one that belongs to a group.

    Hidden files and other suffixes are passed over. ``item`` is the path below the folder. Raises InvalidInput when
    there is no picture.
    """
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    found = tuple(
        Entry(path.as_posix(), path.parts[0], "/".join(path.parts[:-1]) if len(path.parts) > 2 else "")
        for path in files
        if len(path.parts) > 1 and not any(part.startswith(".") for part in path.parts)
    )
    if not found:
        raise InvalidInput.of("folder", f"{folder} holds no pictures in class folders.")
    return found


def digest(rows: Sequence[Entry], contents: Sequence[str]) -> str:
    """One SHA-256 over labels, groups and contents (a digest of each picture), whatever the files' names and order."""
    lines = sorted(f"{content} {row.class_name!r} {row.group!r}" for row, content in zip(rows, contents, strict=True))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def numbered(
    rows: Sequence[Entry], vectors: NDArray[np.floating], *, classes: Sequence[str], groups: Sequence[str] = ()
) -> LabelledSet:
    """Entries and their raw vectors (N, D) as a labelled set; ``classes`` and ``groups`` give names their numbers."""
    of_class = {name: number for number, name in enumerate(classes)}
    of_group = {name: number for number, name in enumerate(groups)} | {"": ALONE}
    return LabelledSet(
        vectors=vectors,
        labels=np.array([of_class[row.class_name] for row in rows], np.int64),
        classes=tuple(classes),
        items=tuple(row.item for row in rows),
        groups=np.array([of_group[row.group] for row in rows], np.int64) if groups else None,
    )
