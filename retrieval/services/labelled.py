"""Labelled pictures as vectors: a folder of class folders, or a collection with its tags or group keys as labels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval import conf, encoders
from retrieval.errors import InvalidInput, RetrievalError, TooLarge, UnsupportedPicture
from retrieval.evaluation import report, sets
from retrieval.evaluation.judged import Grades
from retrieval.evaluation.protocol import LabelledSet
from retrieval.evaluation.sets import Entry
from retrieval.ingest import sandbox
from retrieval.models import Collection, Embedding, Encoder, Image

if TYPE_CHECKING:
    from retrieval.models.collections import Person

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Progress = Callable[[str, int, int], None]
"""Told what is being done, how many are done, and of how many."""

LabelSource = Literal["tags", "group_key"]

BATCH = 32


class Encodes(Protocol):
    """Whatever turns pictures into raw vectors."""

    def encode(self, images: Sequence[Pixels]) -> Floats:
        """Pictures uint8 (H, W, 3) -> raw vectors (N, D)."""


@dataclass(frozen=True)
class Measurable:
    """A labelled set as several encoders see it: ``galleries`` has one entry for each, and so has ``queries``.

    ``queries`` is empty for leave-one-out. ``grades`` are there when people judged answers instead of labelling
    pictures. ``unreadable`` names the files that were left out, since no picture could be made of them.
    """

    name: str
    digest: str
    galleries: tuple[LabelledSet, ...]
    queries: tuple[LabelledSet, ...] = ()
    grades: Grades | None = None
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True)
class Folder:
    """A folder of class folders; for query-gallery it holds two of them, ``query`` and ``gallery``."""

    path: Path
    protocol: report.Protocol = "leave-one-out"

    def load(self, rows: Sequence[Encoder], *, progress: Progress) -> Measurable:
        """As ``encode``, by the encoders of these rows. Raises WeightsError when one cannot be loaded."""
        return self.encode([encoders.for_row(row) for row in rows], progress=progress)

    def encode(self, live: Sequence[Encodes], *, progress: Progress) -> Measurable:
        """Decode each picture once, in the sandbox, and encode it by every encoder.

        Raises InvalidInput when there is no such folder, or no picture in it can be read.
        """
        listed = self._listed()
        seen = _encode([self.path / entry.item for entry in listed], live, progress=progress)
        kept = [listed[position] for position in seen.positions]
        if not kept:
            raise InvalidInput.of("folder", f"No picture in {self.path} can be read.")
        classes, groups = sorted({row.class_name for row in listed}), sorted({row.group for row in listed} - {""})
        asking = np.array([row.item.startswith(f"{sets.QUERIES}/") for row in kept]) & (
            self.protocol != "leave-one-out"
        )

        def part(chosen: NDArray[np.bool_]) -> tuple[LabelledSet, ...]:
            rows = [row for row, here in zip(kept, chosen, strict=True) if here]
            return tuple(sets.numbered(rows, each[chosen], classes=classes, groups=groups) for each in seen.vectors)

        return Measurable(
            name=self.path.resolve().name,
            digest=sets.digest(kept, seen.contents),
            galleries=part(~asking),
            queries=part(asking) if asking.any() else (),
            unreadable=tuple(row.item for number, row in enumerate(listed) if number not in set(seen.positions)),
        )

    def _listed(self) -> list[Entry]:
        """Every picture, by its path below the folder."""
        if not self.path.is_dir():
            raise InvalidInput.of("folder", f"There is no folder {self.path}.")
        if self.protocol == "leave-one-out":
            return list(sets.entries(self.path))
        return [
            Entry(f"{part}/{row.item}", row.class_name, row.group)
            for part in (sets.GALLERY, sets.QUERIES)
            for row in sets.entries(self.path / part)
        ]


@dataclass(frozen=True)
class CollectionLabels:
    """A collection as this person sees it, labelled by each picture's first tag or by its group key.

    By tags, group keys are the groups. Pictures without a label, or not yet embedded by every encoder asked for, are
    passed over.
    """

    collection: Collection
    user: Person | Any
    by: LabelSource = "tags"

    def load(self, rows: Sequence[Encoder], *, progress: Progress) -> Measurable:
        """Read stored vectors; no picture is decoded. Raises InvalidInput when nothing is labelled and embedded."""
        labelled = self._labelled()
        stored = []
        for number, row in enumerate(rows, start=1):
            stored.append(stored_vectors(row, self.collection))
            progress("reading", number, len(rows))
        kept = [pair for pair in labelled if all(pair[0].item in vectors for vectors in stored)]
        if not kept:
            raise InvalidInput.of("collection", f"No embedded picture of this collection has a label in {self.by}.")
        entries = [entry for entry, _ in kept]
        classes, groups = sorted({row.class_name for row in entries}), sorted({row.group for row in entries} - {""})
        return Measurable(
            name=f"collection {self.collection.pk} by {self.by}",
            digest=sets.digest(entries, [content for _, content in kept]),
            galleries=tuple(
                sets.numbered(entries, np.stack([vectors[row.item] for row in entries]), classes=classes, groups=groups)
                for vectors in stored
            ),
        )

    def _labelled(self) -> list[tuple[Entry, str]]:
        """Each labelled picture with the digest of its bytes, oldest first."""
        visible = Image.objects.visible_to(self.user).filter(collection=self.collection).order_by("pk")
        rows = visible.values_list("pk", "sha256", "tags", "group_key")
        if self.by == "tags":
            return [(Entry(str(pk), tags[0], group), sha) for pk, sha, tags, group in rows if tags]
        return [(Entry(str(pk), group), sha) for pk, sha, _, group in rows if group]


def stored_vectors(row: Encoder, collection: Collection) -> dict[str, Floats]:
    """Raw vectors by picture id, from the unit vectors and lengths that are stored."""
    vectors = Embedding.objects.filter(encoder=row, collection=collection).values_list("image_id", "vector", "length")
    return {str(pk): np.asarray(vector, np.float32) * np.float32(length) for pk, vector, length in vectors.iterator()}


def sample(folder: Path, *, most: int, seed: int = 0) -> Iterator[Pixels]:
    """Pictures (H, W, 3) of a folder of class folders, at most so many, drawn by the seed; unreadable ones left out."""
    paths = [folder / row.item for row in sets.entries(folder)]
    drawn = np.sort(np.random.default_rng(seed).permutation(len(paths))[:most])
    for batch in _batches([paths[number] for number in drawn]):
        yield from (pixels for _, pixels in batch if pixels is not None)


@dataclass(frozen=True)
class _Seen:
    """What came out of files: positions of the readable ones, their SHA-256s, and vectors (n, D) by each encoder."""

    positions: list[int]
    contents: list[str]
    vectors: list[Floats]


def _encode(paths: Sequence[Path], live: Sequence[Encodes], *, progress: Progress) -> _Seen:
    positions: list[int] = []
    contents: list[str] = []
    vectors: list[list[Floats]] = [[] for _ in live]
    done = 0
    for batch in _batches(paths):
        readable = [
            (number, content, pixels) for number, (content, pixels) in enumerate(batch, done) if pixels is not None
        ]
        positions += [number for number, _, _ in readable]
        contents += [content for _, content, _ in readable]
        for encoder, found in zip(live, vectors, strict=True):
            if readable:
                found.append(encoder.encode([pixels for _, _, pixels in readable]))
        done += len(batch)
        progress("encoding", done, len(paths))
    return _Seen(
        positions, contents, [np.concatenate(found) if found else np.empty((0, 0), np.float32) for found in vectors]
    )


def _batches(paths: Sequence[Path]) -> Iterator[list[tuple[str, Pixels | None]]]:
    """Decode batch by batch, the next one while the caller works on this one; never more in memory than two."""
    cuts = [paths[start : start + BATCH] for start in range(0, len(paths), BATCH)]
    with ThreadPoolExecutor(conf.get().decode_processes, thread_name_prefix="decode") as pool:
        ahead = pool.map(_read, cuts[0])
        for following in [*cuts[1:], []]:
            current, ahead = list(ahead), pool.map(_read, following)
            yield current


def _read(path: Path) -> tuple[str, Pixels | None]:
    """A file's SHA-256 and its pixels, None when it is no picture; a decoder that is busy or broken is an error."""
    data = path.read_bytes()
    try:
        pixels = sandbox.query(data).pixels
    except (UnsupportedPicture, TooLarge) as error:
        if error.code in sandbox.PASSING:
            raise RetrievalError(f"{path}: {error.message}", code=error.code) from error
        pixels = None
    return hashlib.sha256(data).hexdigest(), pixels
