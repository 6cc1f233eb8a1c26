"""Put in many pictures: decoding in several processes overlaps with writing rows in batches."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from retrieval.errors import RetrievalError, StorageFull, TooMany, Unavailable
from retrieval.ingest import Asker, Decoded, Part, fingerprint, sandbox, store
from retrieval.models import Collection, Image
from retrieval.models.images import content
from retrieval.services.images import file_facts
from retrieval.services.images.image_fields import ImageChanges, checked

__all__ = ["PRIORITY_BULK", "Batch", "Intake", "Outcome", "Seen", "Source", "batches", "finish"]

BATCH = 64
BATCH_BYTES = 64 * 1024 * 1024
PRIORITY_BULK = 10
FIRST = Part()
NOTHING_SAID = ImageChanges()
# The system is at fault, not one file: the import stops and can go on later.
STOPS = (Unavailable, StorageFull, TooMany)


@dataclass(frozen=True)
class Seen:
    """When a picture was taken, and by which camera."""

    at: datetime
    camera: str

    def columns(self, decoded: Decoded) -> dict[str, Any]:
        """Return the columns of what the file does not say."""
        facts = decoded.facts
        when = {} if facts.moment else checked(ImageChanges(taken_at=self.at))
        return when if facts.camera else {**when, "camera": self.camera}


@dataclass(frozen=True)
class Source:
    """A file to come: its name, its bytes or why there are none, and what is said of a new picture.

    ``part``, beyond the first, is one of the ``document`` whose file this is. ``seen`` is when and by what a camera saw
    it, where the file itself does not say.
    """

    name: str
    data: bytes = b""
    error: RetrievalError | None = None
    texts: ImageChanges = NOTHING_SAID
    part: Part = FIRST
    document: UUID | None = None
    seen: Seen | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of one file: a new picture, a known one, or an error."""

    name: str
    image: Image | None = None
    created: bool = False
    error: RetrievalError | None = None


@dataclass(frozen=True, eq=False)
class Batch:
    """Files whose decoding has begun. ``digests`` go along with ``sources``, empty where there are no bytes.

    That of a further page of a document names the page as well.
    """

    sources: Sequence[Source]
    digests: Sequence[str]
    known: dict[str, Image]
    decoding: dict[str, Future[Decoded]] = field(default_factory=dict)

    def cancel(self) -> None:
        """Take what has not begun out of the line, the last first, so that what has begun is what comes first."""
        for future in reversed(self.decoding.values()):
            future.cancel()

    @property
    def waits_for(self) -> list[Future[Decoded]]:
        """What is not decoded yet."""
        return [future for future in self.decoding.values() if not future.done()]

    @property
    def begun(self) -> list[tuple[Source, str]]:
        """The files and digests before the first that was cancelled."""
        pairs = zip(self.sources, self.digests, strict=True)
        return list(itertools.takewhile(lambda pair: not self._is_cancelled(pair[1]), pairs))

    @property
    def cut_off(self) -> bool:
        """Whether a file was cancelled."""
        return any(map(self._is_cancelled, self.digests))

    def _is_cancelled(self, digest: str) -> bool:
        return digest in self.decoding and self.decoding[digest].cancelled()


class Intake:
    """Files that are put in batch by batch.

    While the caller finishes one batch, the sandbox works on the next. At most two batches are in memory.
    """

    def __init__(self, sources: Iterable[Source], *, place: store.Place, asker: Asker | None = None) -> None:
        """Decode for the person of the place, unless ``asker`` says more."""
        self._sources, self._place = sources, place
        self._asker = asker or Asker.behind(place.user.pk)
        self._begun: list[Batch] = []
        self._over = False

    def __iter__(self) -> Iterator[Batch]:
        try:
            for chunk in _chunks(self._sources):
                if self._over:
                    break
                self._begun.append(_begin(chunk, place=self._place, asker=self._asker))
                if len(self._begun) > 1:
                    yield self._begun[0]
                    if self._begun.pop(0).cut_off:
                        return
            while self._begun:
                yield self._begun[0]
                if self._begun.pop(0).cut_off:
                    return
        finally:
            self.cut()

    def cut(self) -> None:
        """Begin nothing more: what waits for a decoder leaves the line, what has one is decoded to its end."""
        self._over = True
        for batch in reversed(self._begun):
            batch.cancel()


def batches(sources: Iterable[Source], *, place: store.Place) -> Iterator[Batch]:
    """Yield the files in batches that are being decoded."""
    return iter(Intake(sources, place=place))


def finish(batch: Batch, *, place: store.Place) -> list[Outcome]:
    """Wait for the decoding and keep what passed, in one commit; returns what became of each file, in order.

    Of a batch that was cut only the files before the cut are finished. Raises Unavailable, StorageFull and TooMany
    (quota): then nothing of the batch is kept.
    """
    pictures, errors = _decoded(batch, collection=place.collection)
    saved = {row.image.content: row for row in store.save(list(pictures.values()), place=place)}
    created = {digest for digest, row in saved.items() if row.created}
    images = {**batch.known, **{digest: row.image for digest, row in saved.items()}}
    outcomes = []
    for source, digest in batch.begun:
        error = source.error or errors.get(digest)
        is_new = digest in created
        created.discard(digest)
        outcomes.append(Outcome(source.name, None if error else images[digest], is_new, error))
    return outcomes


def _chunks(sources: Iterable[Source]) -> Iterator[list[Source]]:
    """Cut into runs of at most 64 files and 64 MB (a single larger file makes a run by itself)."""
    chunk: list[Source] = []
    size = 0
    for source in sources:
        if chunk and (len(chunk) == BATCH or size + len(source.data) > BATCH_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(source)
        size += len(source.data)
    if chunk:
        yield chunk


def _begin(sources: Sequence[Source], *, place: store.Place, asker: Asker) -> Batch:
    """Put every file in the decoders' line of which the collection has no picture yet; equal files once."""
    digests = ["" if source.error else content(fingerprint.sha256(source.data), source.part.page) for source in sources]
    known = store.known(place.collection, digests)
    new = {digest: each for digest, each in zip(digests, sources, strict=True) if digest and digest not in known}
    decoding = {digest: sandbox.begin_upload(each.data, part=each.part, asker=asker) for digest, each in new.items()}
    return Batch(sources, digests, known, decoding)


def _decoded(batch: Batch, *, collection: Collection) -> tuple[dict[str, store.NewPicture], dict[str, RetrievalError]]:
    """Return, by digest, the pictures that passed and the reasons of those that did not."""
    pictures: dict[str, store.NewPicture] = {}
    errors: dict[str, RetrievalError] = {}
    for source, digest in batch.begun:
        if digest not in batch.decoding or digest in pictures:
            continue
        try:
            decoded, sha256 = batch.decoding[digest].result(), digest.partition("#")[0]
            said = file_facts.columns(decoded, name=source.name, said=source.texts, collection=collection)
            seen = source.seen.columns(decoded) if source.seen else {}
            pictures[digest] = store.NewPicture(
                source.data, sha256, decoded, {**said, **seen}, page=source.part.page, document=source.document
            )
        except STOPS:
            raise
        except RetrievalError as error:
            errors[digest] = error
    return pictures, errors
