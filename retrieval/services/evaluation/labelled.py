"""Labelled pictures as vectors: a folder of class folders, or a collection with its tags or group keys as labels."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from retrieval import live_encoders
from retrieval.errors import InvalidInput
from retrieval.evaluation import Entry, Grades, LabelledSet, report, sets
from retrieval.ingest import files
from retrieval.models import Collection, Encoder, Image
from retrieval.progress import Progress
from retrieval.search import stored
from retrieval.services.evaluation import as_stored, lineage
from retrieval.services.images import decoding
from retrieval.services.images.decoding import Encodes, Floats, Pixels

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer

LabelSource = Literal["tags", "group_key"]

MOST_DECODED = 20_000  # pictures of a collection that are decoded to be measured: their vectors are kept in memory
MOST_BYTES = 2 * 2**30  # of stored vectors in memory, by all encoders together
READ_AT_ONCE = 1_000
ONE_LABEL = "All labelled pictures have one label, so that whatever is found is right"


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

    def require_two_labels(self) -> None:
        """A perfect score that says nothing is none: raises InvalidInput where only one label can be found."""
        if self.grades is None and self.galleries and len(np.unique(self.galleries[0].labels)) == 1:
            raise InvalidInput.of("classes", f"{ONE_LABEL}.")

    def among(self, learned_from: frozenset[str]) -> bool:
        """Tell whether these pictures are among what an encoder learned from (``lineage.sources``)."""
        return lineage.among(learned_from, dataset=self.name, digest=self.digest)


class Source(Protocol):
    """Labelled pictures that can be decoded."""

    @property
    def name(self) -> str:
        """What origins and reports call it."""

    def encode(self, live: Sequence[Encodes], *, progress: Progress) -> Measurable:
        """Decode each labelled picture once, in the sandbox, and encode it by every encoder."""

    def sample(self, *, most: int, progress: Progress) -> Iterator[Pixels]:
        """Pictures (H, W, 3), labelled or not, at most so many, always the same; unreadable ones left out."""


@dataclass(frozen=True)
class Folder:
    """A folder of class folders; for query-gallery it holds two of them, ``query`` and ``gallery``."""

    path: Path
    protocol: report.Protocol = "leave-one-out"

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.path.resolve().name

    def load(self, rows: Sequence[Encoder], *, progress: Progress) -> Measurable:
        """As ``encode``, by the encoders of these rows, smoothed as a collection of these pictures would be.

        Raises WeightsError when one cannot be loaded.
        """
        found = self.encode([live_encoders.for_row(row) for row in rows], progress=progress)
        queries = as_stored.queries(rows, found.queries, found.galleries)
        return replace(found, galleries=as_stored.galleries(rows, found.galleries), queries=queries)

    def encode(self, live: Sequence[Encodes], *, progress: Progress) -> Measurable:
        """Decode each picture once, in the sandbox, and encode it by every encoder.

        Raises InvalidInput when there is no such folder, or no picture in it can be read.
        """
        listed = self._listed()
        seen = decoding.encode([self.path / entry.item for entry in listed], live, progress=progress)
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
            name=self.name,
            digest=sets.digest(kept, seen.contents),
            galleries=part(~asking),
            queries=part(asking) if asking.any() else (),
            unreadable=seen.unreadable([row.item for row in listed]),
        )

    def sample(self, *, most: int, progress: Progress) -> Iterator[Pixels]:
        """Pictures (H, W, 3) of its class folders, at most so many, always the same; unreadable ones left out."""
        listed = sets.entries(self.path)
        return decoding.sample([self.path / row.item for row in listed], most=most, progress=progress)

    def digest(self) -> str:
        """The digest that a measuring of it has where every file is a picture; empty without class folders."""
        try:
            listed = self._listed()
        except InvalidInput:
            return ""
        contents = [hashlib.sha256((self.path / entry.item).read_bytes()).hexdigest() for entry in listed]
        return sets.digest(listed, contents)

    def require_two_labels(self) -> None:
        """As that of ``Measurable``, before any picture is read."""
        listed = self._listed()
        if len({row.class_name for row in listed}) == 1:
            raise InvalidInput.of("folder", f"{ONE_LABEL}: {listed[0].class_name}.")

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
    user: Viewer
    by: LabelSource = "tags"

    @property
    def name(self) -> str:
        """By its id: names of collections are not for everybody who sees an encoder."""
        return f"collection {self.collection.pk}"

    def load(self, rows: Sequence[Encoder], *, progress: Progress) -> Measurable:
        """Read stored vectors; no picture is decoded. Raises InvalidInput when nothing is labelled and embedded."""
        labelled = self._labelled()
        vectors, there = stored_vectors(rows, [row.item for row, _ in labelled], progress=progress)
        kept = [pair for pair, here in zip(labelled, there, strict=True) if here]
        if not kept:
            raise InvalidInput.of("collection", f"No embedded picture of this collection has a label in {self.by}.")
        return self._measurable(kept, vectors)

    def encode(self, live: Sequence[Encodes], *, progress: Progress) -> Measurable:
        """Decode stored originals, stored vectors or not; of very many labelled pictures, 20,000 that are drawn.

        Then the name says so: figures of a part must not stand in for those of the whole. Raises InvalidInput when no
        labelled picture can be read.
        """
        everything = self._labelled()
        labelled = [everything[number] for number in decoding.drawn(len(everything), most=MOST_DECODED)]
        seen = decoding.encode([files.original(content) for _, content in labelled], live, progress=progress)
        if not seen.positions:
            raise InvalidInput.of("collection", f"No picture of this collection with a label in {self.by} can be read.")
        kept = [labelled[position] for position in seen.positions]
        unreadable = seen.unreadable([row.item for row, _ in labelled])
        found = self._measurable(kept, seen.vectors, unreadable=unreadable)
        if len(labelled) < len(everything):
            found = replace(found, name=f"{found.name} ({len(labelled)} drawn)")
        return found

    def sample(self, *, most: int, progress: Progress) -> Iterator[Pixels]:
        """Pictures (H, W, 3) of the collection, at most so many, always the same; unreadable ones left out."""
        contents = list(self._visible().values_list("sha256", flat=True))
        return decoding.sample([files.original(content) for content in contents], most=most, progress=progress)

    def _visible(self) -> Any:
        return Image.objects.visible_to(self.user).filter(collection=self.collection).order_by("pk")

    def _labelled(self) -> list[tuple[Entry, str]]:
        """Each labelled picture with the digest of its bytes, oldest first."""
        rows = self._visible().values_list("pk", "sha256", "tags", "group_key")
        if self.by == "tags":
            return [(Entry(str(pk), tags[0], group), sha) for pk, sha, tags, group in rows if tags]
        return [(Entry(str(pk), group), sha) for pk, sha, _, group in rows if group]

    def _measurable(
        self, kept: Sequence[tuple[Entry, str]], vectors: Sequence[Floats], *, unreadable: tuple[str, ...] = ()
    ) -> Measurable:
        """These pictures with their vectors (N, D) by each encoder."""
        rows = [row for row, _ in kept]
        classes, groups = sorted({row.class_name for row in rows}), sorted({row.group for row in rows} - {""})
        return Measurable(
            name=f"{self.name} by {self.by}",
            digest=sets.digest(rows, [content for _, content in kept]),
            galleries=tuple(sets.numbered(rows, each, classes=classes, groups=groups) for each in vectors),
            unreadable=unreadable,
        )


def stored_vectors(
    rows: Sequence[Encoder], items: Sequence[str], *, progress: Progress
) -> tuple[list[Floats], NDArray[np.bool_]]:
    """Raw vectors of those pictures (of N, by their ids) that every encoder has, and which these are (N,).

    The vectors (n, D) of each encoder are in the order of the pictures. ``progress`` is told "reading". Raises
    InvalidInput when they take more than 2 GiB of memory.
    """
    _require_memory(sum(row.dimension for row in rows) * len(items) * np.float32().nbytes)
    there, found = np.ones(len(items), np.bool_), []
    for number, row in enumerate(rows, start=1):
        vectors, here = _stored(row, items)
        found.append(vectors)
        there &= here
        progress("reading", number, len(rows))
    for number, vectors in enumerate([] if there.all() else found):
        found[number] = vectors[there]
    return found, there


def _stored(row: Encoder, items: Sequence[str]) -> tuple[Floats, NDArray[np.bool_]]:
    """Raw vectors (N, D) from the unit vectors and lengths that are stored, and which of the pictures have one (N,)."""
    vectors, here = np.zeros((len(items), row.dimension), np.float32), np.zeros(len(items), np.bool_)
    for start in range(0, len(items), READ_AT_ONCE):
        place = {UUID(item): number for number, item in enumerate(items[start : start + READ_AT_ONCE], start)}
        found, read = stored.read(row, place)
        numbers = [place[pk] for pk in found]
        vectors[numbers], here[numbers] = read, True
    return vectors, here


def _require_memory(needed: int) -> None:
    if needed > MOST_BYTES:
        need, most = (f"{size / 2**30:.1f} GiB" for size in (needed, MOST_BYTES))
        text = f"The vectors of these pictures take {need} of memory; at most {most} are read. Name fewer encoders."
        raise InvalidInput.of("encoders", text)
