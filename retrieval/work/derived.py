"""Vectors that follow from another encoder's stored ones: computed without reading a picture, while it is built."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from retrieval import embedding, live_encoders
from retrieval.errors import RetrievalError
from retrieval.models import EmbeddingJob, Encoder, EncoderState, Image
from retrieval.search import Vector, stored, vectors
from retrieval.work import ending, ledger

log = structlog.get_logger(__name__)

BATCH = 500
WORK_SECONDS = 8.0  # of one task, so that uploads do not wait behind a large build


def source_of(encoder: Encoder) -> Encoder | None:
    """Return the encoder whose vectors give this one's by a linear map, while it is being built.

    None when the network has to do it: for any other encoder, when the source is gone or changed, and once computing
    was found impossible, which ``origin`` then says under ``by_network``.
    """
    origin = encoder.origin
    if encoder.state != EncoderState.BUILDING or "source" not in origin or "by_network" in origin:
        return None
    return Encoder.objects.filter(pk=origin["source"], weights_sha256=origin["source_sha256"]).first()


def untouched(encoder: Encoder) -> QuerySet[Image]:
    """Return the living pictures that have neither a job nor a vector by this encoder."""
    job = EmbeddingJob.objects.filter(encoder=encoder, image_id=OuterRef("pk"))
    return Image.objects.alive().filter(~Exists(job), ~stored.has_vector(encoder))


def has_source(encoder: Encoder) -> Q | Exists:
    """Return the condition on pictures that their vector by this encoder follows from a stored one.

    Those that follow by smoothing are left to ``neighbourhoods``.
    """
    source = encoder.smooths or source_of(encoder)
    return stored.has_vector(source) if source else Q(pk__in=[])


def waiting() -> bool:
    """Tell whether there is something to compute."""
    building = Encoder.objects.filter(state=EncoderState.BUILDING, smooths=None)
    return any(untouched(encoder).filter(has_source(encoder)).exists() for encoder in building)


def work() -> bool:
    """Compute and store vectors for some seconds, batch by batch; return whether more is left.

    Each batch is one commit of vectors and jobs, so that breaking off anywhere loses and doubles nothing. Only one
    process works on an encoder at a time; another one leaves it alone.
    """
    ends = time.monotonic() + WORK_SECONDS
    for encoder in Encoder.objects.filter(state=EncoderState.BUILDING, smooths=None):
        step = _step(encoder) if untouched(encoder).filter(has_source(encoder)).exists() else None
        after, total = uuid.UUID(int=0), 0
        while step and (done := _batch(encoder, step, after=after)):
            after, total = done[-1], total + len(done)
            if time.monotonic() > ends or ending.comes():
                break
        if total:
            log.info("vectors_derived", encoder=encoder.name, vectors=total)
    return time.monotonic() > ends and waiting()


def _step(encoder: Encoder) -> embedding.Step | None:
    """Return the map from the source's vectors; None, noted on the encoder, when there is no such map."""
    source = source_of(encoder)
    if source is None:
        return None
    try:
        return embedding.composing.step(live_encoders.plain(source), composed=live_encoders.plain(encoder))
    except RetrievalError as error:
        log.warning("vectors_not_derivable", encoder=encoder.name, code=error.code, reason=error.message)
        encoder.origin = {**encoder.origin, "by_network": error.message}
        encoder.save(update_fields=["origin"])
        return None


def _batch(encoder: Encoder, step: embedding.Step, *, after: uuid.UUID) -> list[uuid.UUID]:
    """Store the vectors of the next pictures in one commit; return these pictures, none when another is at it."""
    with transaction.atomic():
        free = Encoder.objects.select_for_update(no_key=True, skip_locked=True)
        row = free.filter(pk=encoder.pk, state=EncoderState.BUILDING).first()
        if row is None:
            return []
        due = untouched(row).filter(has_source(row), pk__gt=after).order_by("pk")
        # Locked, so that none is deleted for good before its job and vector are there.
        images = list(due.select_for_update(no_key=True).values_list("pk", flat=True)[:BATCH])
        computed = _computed(source_of(row), step, images)
        ledger.finish(ledger.begin(row, list(computed)), computed)
    return images


def _computed(source: Encoder | None, step: embedding.Step, images: Sequence[uuid.UUID]) -> dict[uuid.UUID, Vector]:
    if source is None:
        return {}
    ids, read = stored.read(source, images)
    return dict(zip(ids, vectors.one_by_one(step(read)), strict=True))
