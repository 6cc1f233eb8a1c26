"""Pictures to train on: from a folder of class folders, a CSV manifest, or arrays; square, in one block."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from retrieval.embedding import Pixels, resized
from retrieval.errors import InvalidInput, RetrievalError, Unavailable
from retrieval.folders import files_below

FEWEST = 8  # pictures that are worth training on
UNLABELLED = "_"  # the class folder (or part of one) that means: no label
NO_LABEL = -1
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif"})
_DIGEST_ROWS = 512

Numbers = NDArray[np.int64]
Reader = Callable[[Path], Pixels]


@dataclass(frozen=True)
class Entry:
    """One picture file, its label ("" for none) and its group ("" for a group of its own)."""

    path: Path
    label: str = ""
    group: str = ""


@dataclass(frozen=True)
class PictureSet:
    """Pictures as one uint8 array (N, S, S, 3), labels and groups as numbers.

    ``labels`` (N,): position in ``classes``, or -1 for none. ``groups`` (N,): pictures that must not be parted by a
    split share a number. A class is named ``scope/name``: classes of different scopes are never compared with each
    other, since another source may call the same thing by another name. ``left_out``: of each picture that could not be
    read, which it was and why.
    """

    pixels: Pixels
    labels: Numbers
    groups: Numbers
    classes: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def __post_init__(self) -> None:
        if self.pixels.ndim != 4 or self.pixels.shape[1] != self.pixels.shape[2] or self.pixels.shape[3] != 3:
            raise InvalidInput.of("pixels", f"Pictures must be (N, S, S, 3), not {self.pixels.shape}.")
        if len({len(self.pixels), len(self.labels), len(self.groups)}) != 1:
            raise InvalidInput.of("labels", "Pictures, labels and groups must be equally many.")

    @property
    def scopes(self) -> Numbers:
        """The scope of each class (C,), as a number."""
        names = [name.rpartition("/")[0] for name in self.classes]
        return np.unique(names, return_inverse=True)[1].astype(np.int64) if names else np.empty(0, np.int64)

    def at(self, rows: NDArray[np.bool_] | Numbers) -> PictureSet:
        """Only these rows; classes keep their numbers."""
        return replace(self, pixels=self.pixels[rows], labels=self.labels[rows], groups=self.groups[rows])

    def without_labels(self, names: Sequence[str]) -> PictureSet:
        """The same pictures with these classes, or all classes of these scopes, taken as unlabelled."""
        doubted = [name in names or name.split("/")[0] in names for name in self.classes]
        labels = np.where(np.array([*doubted, True])[self.labels], NO_LABEL, self.labels)
        return replace(self, labels=labels)

    def digest(self) -> str:
        """SHA-256 of labels, groups, classes and pixels: it changes with every change of the data."""
        found = hashlib.sha256(repr((self.pixels.shape, self.classes)).encode())
        found.update(self.labels.tobytes() + self.groups.tobytes())
        for start in range(0, len(self), _DIGEST_ROWS):
            found.update(np.ascontiguousarray(self.pixels[start : start + _DIGEST_ROWS]).tobytes())
        return found.hexdigest()


def from_arrays(
    pictures: Iterable[Pixels | str], labels: Sequence[str], *, side: int, groups: Sequence[str] = ()
) -> PictureSet:
    """Decoded pictures uint8 (H, W, 3) with a label ("" for none) and perhaps a group each, squeezed to side x side.

    A text in the place of a picture says why it is left out. Raises InvalidInput when all are.
    """
    pixels = np.empty((len(labels), side, side, 3), np.uint8)
    kept: list[int] = []
    left_out: list[str] = []
    for row, picture in enumerate(pictures):
        if isinstance(picture, str):
            left_out.append(picture)
            continue
        pixels[len(kept)] = resized(picture, (side, side))
        kept.append(row)
    if left_out and not kept:
        raise InvalidInput.of("data", f"None of the {len(left_out)} pictures can be read. {left_out[0]}")
    found = _numbered(pixels[: len(kept)], [labels[row] for row in kept], [groups[row] for row in kept if groups])
    return replace(found, left_out=tuple(left_out))


def upright(path: Path) -> Pixels:
    """Read a file as people see it: turned as its EXIF says, in RGB. For files that are trusted: nothing bounds it."""
    with Image.open(path) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def listed(path: Path, *, groups: bool = False) -> list[Entry]:
    """The pictures that a folder of class folders or a CSV file names, none of them read yet.

    A folder: every picture below it; the folders on the way name its class (``scope/class``), ``_`` means none. With
    ``groups`` they mean what they mean to an evaluation: ``class/group``, so that each animal, patient or product of a
    class has a folder of its own. Links to folders are followed. A CSV file: the columns ``path`` (relative to the
    file), ``label`` and, if wanted, ``group``. Raises InvalidInput when there is no picture.
    """
    entries = _of_manifest(path) if path.suffix == ".csv" else _of_folder(path, groups=groups)
    if not entries:
        raise InvalidInput.of("data", "There are no pictures to train on.")
    return entries


def _of_folder(folder: Path, *, groups: bool) -> list[Entry]:
    if not folder.is_dir():
        raise InvalidInput.of("data", f"There is no folder {folder}.")
    paths = [path for path in files_below(folder) if path.suffix.lower() in SUFFIXES]
    entry = _grouped if groups else _labelled
    return [entry(path, path.relative_to(folder).parent) for path in paths]


def _labelled(path: Path, folders: Path) -> Entry:
    label = folders.as_posix()
    return Entry(path, "" if label == "." or folders.name == UNLABELLED else label)


def _grouped(path: Path, folders: Path) -> Entry:
    label, below = (folders.parts or (UNLABELLED,))[0], folders.parts[1:]
    return Entry(path, "" if label == UNLABELLED else label, folders.as_posix() if below else "")


def _of_manifest(path: Path) -> list[Entry]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return list(_rows(csv.DictReader(file), path))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput.of("manifest", f"The list {path} cannot be read: {error}.") from error


def _rows(reader: csv.DictReader[str], path: Path) -> Iterator[Entry]:
    missing = {"path", "label"} - set(reader.fieldnames or ())
    if missing:
        raise InvalidInput.of("manifest", f"{path.name} lacks the column {min(missing)}.")
    for row in reader:
        yield Entry(path.parent / (row["path"] or ""), row["label"] or "", row.get("group") or "")


def from_entries(entries: Sequence[Entry], *, side: int, read: Reader = upright) -> PictureSet:
    """Read picture files by ``read``; what cannot be read is left out. Raises InvalidInput when nothing is left."""
    labels, groups = [entry.label for entry in entries], [entry.group for entry in entries]
    return from_arrays((_pixels(entry.path, read) for entry in entries), labels, side=side, groups=groups)


def _pixels(path: Path, read: Reader) -> Pixels | str:
    """The picture, or why it is left out; where reading itself does not work no picture is to blame."""
    try:
        return read(path)
    except Unavailable:
        raise
    except (OSError, RetrievalError, Image.DecompressionBombError) as error:
        return f"{path} cannot be read as a picture: {error}"


def _numbered(pixels: Pixels, labels: list[str], groups: list[str]) -> PictureSet:
    classes = tuple(sorted(set(labels) - {""}))
    number = {name: position for position, name in enumerate(classes)} | {"": NO_LABEL}
    own_groups = [group or f"\0{row}" for row, group in enumerate(groups or [""] * len(labels))]
    return PictureSet(
        pixels=pixels,
        labels=np.array([number[label] for label in labels], np.int64),
        groups=np.unique(own_groups, return_inverse=True)[1].astype(np.int64),
        classes=classes,
    )
