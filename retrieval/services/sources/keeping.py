"""What sources brought in goes to the trash after its time, but for what a person has touched."""

from __future__ import annotations

import functools
import operator
import time
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from retrieval.models import (
    Alert,
    ConceptExample,
    CopyDecision,
    Favourite,
    Image,
    Judgement,
    Source,
    SourceImage,
)
from retrieval.models.images import ImageQuerySet
from retrieval.services.images import bulk, collections
from retrieval.services.people import accounts

BATCH = 200
# Both times of a new row are of one insert; what is written to it later is a person's doing.
ONE_INSERT = timedelta(seconds=1)


def expire(*, seconds: float) -> int:
    """Put pictures that are past their source's time into the trash, for about so many seconds; return how many.

    A picture that a person has touched is nobody's but theirs, and stays: one whose title, caption, tags, group,
    rating, moment or other words were changed, that was moved or brought back from the trash, or is a favourite,
    judged, an example of a concept, decided on as a copy, or said to be a right or a wrong alert. A document or a video
    stays as a whole. Each batch commits by itself.
    """
    ends, gone = time.monotonic() + seconds, 0
    for source in Source.objects.exclude(keep_days=None).select_related("collection").order_by("pk"):
        while time.monotonic() < ends and (batch := _batch(source, BATCH)):
            gone += _expire(source, batch)
    return gone


def _batch(source: Source, most: int) -> list[SourceImage]:
    """Return the oldest that are past their time: ids begin with the time at which they were made (RFC 9562)."""
    before = timezone.now() - timedelta(days=source.keep_days or 0)
    rows = SourceImage.objects.filter(source=source, image_id__lt=_first_id(before))
    return list(rows.order_by("image_id")[:most])


def _expire(source: Source, batch: Sequence[SourceImage]) -> int:
    """Take away those of a batch that nobody touched, and forget where all of them came from; return how many."""
    ids = [each.image_id for each in batch]
    with transaction.atomic():
        collections.hold(source.collection_id, alone=True)
        touched = _touched(ids)
        whole = Image.objects.alive().filter(Q(pk__in=ids) | Q(document__in=ids)).exclude(document__in=touched)
        going = list(whole.exclude(pk__in=touched).order_by("pk").values_list("pk", flat=True))
        bulk.take_away(Image.objects.filter(pk__in=going), at=timezone.now())
        SourceImage.objects.filter(pk__in=ids).delete()
        if going:
            named = [str(pk) for pk in going[: bulk.NAMED_ON_TRAIL]]
            where = str(source.collection_id)
            accounts.record(None, "source.expired", source, collection=where, count=len(going), images=named)
    return len(going)


def _touched(ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Return those of the pictures, first pages of documents among them, that a person has touched, or a page of."""
    rows: ImageQuerySet = Image.objects.filter(Q(pk__in=ids) | Q(document__in=ids))
    firsts = rows.filter(brought__isnull=False).exclude(updated_at=F("brought__as_of"))
    pages = rows.filter(brought=None, updated_at__gt=F("created_at") + ONE_INSERT)
    found = [firsts, pages, rows.filter(_by_hand())]
    return {pk for some in found for row in some.values_list("pk", "document") for pk in row if pk in set(ids)}


def _by_hand() -> Q:
    """Return the condition that some other row says that a person had the picture in hand."""
    this = OuterRef("pk")
    rows = (
        Favourite.objects.filter(image_id=this),
        Judgement.objects.filter(Q(query_id=this) | Q(answer_id=this)),
        ConceptExample.objects.filter(image_id=this),
        CopyDecision.objects.filter(Q(one_id=this) | Q(other_id=this)),
        Alert.objects.filter(image_id=this).exclude(verdict=""),
    )
    return functools.reduce(operator.or_, (Q(Exists(each)) for each in rows))


def _first_id(at: datetime) -> uuid.UUID:
    """Return the smallest id that a row made at this moment may have."""
    return uuid.UUID(int=int(at.timestamp() * 1000) << 80)
