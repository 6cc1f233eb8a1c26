"""The originals of many pictures as one ZIP, with a table that an upload of it reads again."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from django.utils import timezone

from retrieval import downloads
from retrieval.errors import InvalidInput, NotFound
from retrieval.ingest import archive, store
from retrieval.models import Image
from retrieval.services.images import tables
from retrieval.services.images.choice import Choice, chosen
from retrieval.services.people import accounts
from retrieval.zip_stream import ZipMember, ZipStream

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MOST = 5_000  # pictures of one ZIP; what is said of them is in memory while it is sent
NAMED_ON_TRAIL = 500
LEFT_OUT = "left_out.csv"


@dataclass
class Bundle:
    """What goes into a ZIP: pictures with their names in it, and by id why others are left out.

    A file that is gone is noticed when its turn comes, and named in ``left_out`` from then on.
    """

    images: list[tuple[Image, str]]
    left_out: dict[UUID, str] = field(default_factory=dict)
    made_at: datetime = field(default_factory=timezone.now)

    def stream(self) -> ZipStream:
        """Return the archive, which is made while it is read."""
        return ZipStream(self._members())

    def _members(self) -> Iterator[ZipMember]:
        sent = []
        for image, name in self.images:
            path = store.original(image.sha256)
            try:
                part = downloads.Part(path, range(image.bytes))
            except FileNotFoundError:
                self.left_out[image.pk] = "file_missing"
                continue
            with closing(part):
                yield ZipMember(name, part, image.bytes, image.created_at)
            sent.append((image, name))
        yield self._text(archive.TABLE, tables.written(sent))
        if self.left_out:
            rows = [("id", "code"), *((str(pk), code) for pk, code in self.left_out.items())]
            yield self._text(LEFT_OUT, _csv(rows))

    def _text(self, name: str, data: bytes) -> ZipMember:
        return ZipMember(name, [data], len(data), self.made_at)


def bundle(choice: Choice, *, user: User) -> Bundle:
    """Gather the originals of the chosen pictures that this person sees, 5,000 at most; it goes on the trail.

    Ids that they do not see are left out, and named. Raises InvalidInput, and NotFound when nothing is left.
    """
    seen = Image.objects.filter(pk__in=chosen(choice, user=user).order_by().values("pk")).order_by("pk")
    rows = list(seen.defer("placeholder", "pdq", "thumbnail_digests", "words")[: MOST + 1])
    if len(rows) > MOST:
        raise InvalidInput.of("filter", f"A ZIP holds at most {MOST} pictures; narrow the choice.")
    if not rows:
        raise NotFound("There is no such picture.")
    missing = set(choice.ids or ()) - {row.pk for row in rows}
    _record(rows, user=user)
    return Bundle(list(zip(rows, _names(rows), strict=True)), dict.fromkeys(sorted(missing), "not_found"))


def _names(rows: list[Image]) -> list[str]:
    """Name each file by its picture's title; of several alike, whatever the case, the later ones have a number."""
    taken: dict[str, int] = {}
    names = []
    for row in rows:
        first = name = downloads.file_name(row)
        while name.casefold() in taken:
            taken[first.casefold()] += 1
            name = f"{Path(first).stem} ({taken[first.casefold()]}){Path(first).suffix}"
        taken[name.casefold()] = 1
        names.append(name)
    return names


def _record(rows: list[Image], *, user: User) -> None:
    places = sorted({str(row.collection_id) for row in rows})[:NAMED_ON_TRAIL]
    said = {"count": len(rows), "bytes": sum(row.bytes for row in rows), "collections": places}
    accounts.record(user, "images.downloaded", None, **said, images=[str(row.pk) for row in rows[:NAMED_ON_TRAIL]])


def _csv(rows: list[tuple[str, str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
