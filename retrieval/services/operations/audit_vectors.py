"""The audit of vectors: each is sound, in its picture's place, and still the one that was computed for it."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q, QuerySet

from retrieval.models import EmbeddingJob, Encoder, Image, JobState
from retrieval.search import integrity, stored
from retrieval.services.operations import audit_smoothed
from retrieval.services.operations.findings import SHOWN, Finding
from retrieval.work import jobs

WRONG_CODES = frozenset({"vector_changed", "vector_digest_missing", "vector_unsound", "vector_of_failed"})
MISPLACED_CODES = frozenset({"vector_visible", "vector_hidden", "vector_misplaced"})


def vectors() -> Iterator[Finding]:
    """Every done job left a vector; every vector is sound, unchanged since it was stored, and in the right place."""
    yield from _of_jobs()
    yield from _unsound()
    for key, unknown in integrity.changed(most=SHOWN):
        if unknown:
            yield Finding("vector_digest_missing", _name(key), "Nothing tells whether the vector is right.")
        else:
            yield Finding("vector_changed", _name(key), "The vector is not the one that was stored.")
    yield from _misplaced()
    yield from audit_smoothed.smoothed()


def lacking(encoder: Encoder | None) -> QuerySet[Image]:
    """Living pictures without a vector by the encoder."""
    return Image.objects.alive().filter(~stored.has_vector(encoder))


def ask_for_missing() -> int:
    """Ask for the vectors that pictures lack by the encoders that all need; return how many."""
    return sum(_ask(encoder) for encoder in Encoder.objects.wanted())


def ask_for_wrong() -> int:
    """Take away the vectors that are not right and ask for new ones, ``SHOWN`` of each kind; return how many.

    A wrong vector answers searches wrongly, so its picture rather waits until the new one is there.
    """
    wrong = [*integrity.unsound(most=SHOWN), *integrity.of_failed(most=SHOWN)]
    wrong += [key for key, _ in integrity.changed(most=SHOWN)]
    for encoder in Encoder.objects.filter(pk__in={key.encoder_id for key in wrong}):
        images = [key.image_id for key in wrong if key.encoder_id == encoder.pk]
        stored.remove(encoder.pk, images)
        jobs.ask_again(EmbeddingJob.objects.filter(encoder=encoder, image_id__in=images))
    return len(set(wrong))


def put_in_place() -> int:
    """Let every vector be found where its picture is; return how many were elsewhere."""
    return integrity.put_in_place()


def _ask(encoder: Encoder) -> int:
    lost = EmbeddingJob.objects.filter(encoder=encoder, state=JobState.DONE, image__in=lacking(encoder))
    unsaid = EmbeddingJob.objects.filter(Q(error_code="") | Q(error_text=""), encoder=encoder, state=JobState.FAILED)
    return jobs.ask_again(lost) + jobs.ask_again(unsaid) + jobs.add_missing(encoder, limit=1_000_000)


def _of_jobs() -> Iterator[Finding]:
    encoder = Encoder.objects.active()
    done = EmbeddingJob.objects.filter(encoder=encoder, state=JobState.DONE)
    for image in lacking(encoder).filter(pk__in=done.values("image_id"))[:SHOWN]:
        yield Finding("vector_missing", str(image.pk), "The job is done but the vector is not there.")
    for key in integrity.of_failed(most=SHOWN):
        yield Finding("vector_of_failed", _name(key), "The job failed, but there is a vector.")


def _unsound() -> Iterator[Finding]:
    dimensions = dict(Encoder.objects.values_list("pk", "dimension"))
    for key in integrity.unsound(most=SHOWN):
        numbers = f"{dimensions[key.encoder_id]} finite numbers of length 1"
        yield Finding("vector_unsound", _name(key), f"The vector is not {numbers}, or its own length is impossible.")


def _misplaced() -> Iterator[Finding]:
    for image, deleted, nowhere in integrity.misplaced(most=SHOWN):
        if deleted:
            yield Finding("vector_visible", str(image), "The picture is deleted but its vector can still be found.")
        elif nowhere:
            yield Finding("vector_hidden", str(image), "The picture is there but no search can find its vector.")
        else:
            yield Finding("vector_misplaced", str(image), "The vector is found in another collection than its picture.")


def _name(key: integrity.Key) -> str:
    return f"{key.image_id} by {key.encoder_id}"
