"""What pages show before anything is asked: covers of collections, the tags in use, the usual measure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef

from retrieval.models import Collection, CountKind, Encoder, Image, Measure
from retrieval.services.images import image_counts

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer

COVER = 4
TAGS = 24


@dataclass(frozen=True)
class Card:
    """A collection and its newest pictures, at most four."""

    collection: Collection
    cover: list[Image]


@dataclass(frozen=True)
class Tag:
    """A tag, and how many pictures carry it (0: chosen by the reader, but carried by none)."""

    name: str
    count: int


def cards(collections: Sequence[Collection], *, user: Viewer) -> list[Card]:
    """Return each collection with its cover; two queries, however many collections there are.

    Only pictures that the person may see are taken, whatever collections are handed in.
    """
    newest = Image.objects.visible_to(user).filter(collection=OuterRef("pk")).order_by("-created_at", "-id")
    rows = Collection.objects.filter(pk__in=[row.pk for row in collections])
    ids = dict(rows.values_list("pk", ArraySubquery(newest.values("pk")[:COVER])))
    images = Image.objects.in_bulk([image_id for cover in ids.values() for image_id in cover])
    return [Card(row, [images[key] for key in ids.get(row.pk, ()) if key in images]) for row in collections]


def tags(user: Viewer, *, keep: Iterable[str] = ()) -> list[Tag]:
    """Return the most used tags of the visible pictures, those in ``keep`` always among them."""
    wanted, visible = list(keep), Collection.objects.visible_to(user)
    counts = dict(image_counts.across(visible, CountKind.TAG, most=TAGS, keep=wanted))
    return [Tag(name, counts.get(name, 0)) for name in dict.fromkeys([*list(counts)[:TAGS], *wanted])]


@dataclass(frozen=True)
class Usual:
    """What the active encoder searches by unless told otherwise, and whether it tells how likely hits are."""

    measure: str
    calibrated: bool


def usual() -> Usual:
    """Return it; without an encoder cosine."""
    encoder = Encoder.objects.active()
    return Usual(encoder.measure, bool(encoder.calibration)) if encoder else Usual(Measure.COSINE.value, False)
