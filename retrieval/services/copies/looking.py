"""Copies of each picture, looked for once it is ready: candidates compared in detail, pairs written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from retrieval.matching import Judgement, Verdict, compare_stored, other_way, same_file
from retrieval.models import Collection, CopyKeys, CopyPair, Encoder, Image
from retrieval.search import stored
from retrieval.services.copies.candidates import Among, candidates, keep_keys
from retrieval.services.copies.details import Details, WaitingError
from retrieval.work import turns

# What comparing has to know of a picture, its collection and how it is read; there are some dozen to each.
NEEDED = ("width", "height", "bytes", "sha256", "page", "pages", "second", "uploader", "collection__local_features")


def lacking() -> QuerySet[Image]:
    """Return the living, ready pictures whose copies were not looked for, in a fixed order.

    Where a collection keeps local features, those are waited for, and what was looked for without is looked for again.
    Begun from what is due, which is little most of the time: to see that nothing is, no other picture is read.
    """
    due = CopyKeys.objects.filter(looked_at=None)
    detailed = list(Collection.objects.filter(local_features=True, deleted_at=None).values_list("pk", flat=True))
    if detailed:
        looked = CopyKeys.objects.filter(looked_at__isnull=False, image__collection__in=detailed)
        due = due.union(looked.filter(with_details=False), all=True)
    ready = Image.objects.alive().filter(stored.has_vector(Encoder.objects.active()), collection__deleted_at=None)
    waits = Q(collection__local_features=True, features=None)
    return ready.filter(~waits, pk__in=due.values("pk")).select_related("collection").order_by("pk")


def work() -> bool:
    """Look for copies for some seconds, one commit a picture; return whether more is left."""
    return turns.take(lacking, look, event="copies_looked_for")


def look(image: Image) -> bool:
    """Find and write down the pairs of one picture; False where that has to wait for a decoder."""
    details = Details()
    own = details.kept([image]).get(image.pk)
    keep_keys(image, own)
    try:
        _write(image, _judged(image, candidates(image, own), details=details))
    except WaitingError:
        return False
    CopyKeys.objects.filter(image=image).update(looked_at=timezone.now())
    return True


def look_among(image: Image, among: Among) -> int:
    """Find and write down the pairs of one picture with what a scan looks through; return how many.

    Whether the workers looked for its copies everywhere stays as it is. Raises WaitingError.
    """
    details = Details()
    own = details.kept([image]).get(image.pk)
    if not CopyKeys.objects.filter(image=image, with_details=own is not None).exists():
        keep_keys(image, own)
    return _write(image, _judged(image, candidates(image, own, among=among), details=details))


def _judged(image: Image, others: Sequence[UUID], *, details: Details) -> dict[UUID, Judgement]:
    """Compare a picture with each of these, and return what those are that have something in common with it."""
    rows = Image.objects.select_related("collection").only(*NEEDED).in_bulk(others)
    details.kept(rows.values())
    found = ((other.pk, _compared(image, other, details=details)) for other in rows.values())
    return {pk: judgement for pk, judgement in found if judgement}


def _compared(image: Image, other: Image, *, details: Details) -> Judgement | None:
    """Say how the smaller id was made into the larger; which of the two is asked with does not depend on the ids."""
    if image.content == other.content:
        return same_file()
    original, made = sorted((image, other), key=_worth, reverse=True)
    found = compare_stored(details.of(original), details.of(made))
    return other_way(found) if found and original.pk > made.pk else found


def _worth(image: Image) -> tuple[int, int, str]:
    """By pixels, then bytes; the digest decides between the rest, whatever came first."""
    return image.width * image.height, image.bytes, image.sha256


def _write(image: Image, judged: Mapping[UUID, Judgement]) -> int:
    """Write the pairs of a picture, those that are gone meanwhile left out; return how many."""
    if not judged:
        return 0
    with transaction.atomic():
        held = Image.objects.select_for_update(no_key=True).filter(pk__in=[image.pk, *judged]).order_by("pk")
        there = set(held.values_list("pk", flat=True))
        rows = [_pair(image.pk, pk, found) for pk, found in judged.items() if {image.pk, pk} <= there]
        CopyPair.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["one", "other"],
            update_fields=["verdict", "edit", "outline", "other_outline", "matches", "probability"],
        )
    return len(rows)


def _pair(image_id: UUID, other_id: UUID, found: Judgement) -> CopyPair:
    one, other = sorted((image_id, other_id))
    return CopyPair(
        one_id=one,
        other_id=other,
        verdict=found.verdict,
        edit=list(found.edit),
        outline=list(found.outline),
        other_outline=list(found.query_outline),
        matches=found.matches,
        probability=1.0 if found.verdict == Verdict.SAME_FILE else None,
    )
