"""A watch against the past: what it would have found, and older pictures looked at on request, bit by bit."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from retrieval.matching import Calibration
from retrieval.models import Encoder, Image, Watch
from retrieval.search import Hit, QueryVector, Question, nearest, stored
from retrieval.services.people import accounts
from retrieval.services.searching import reading, verdicts
from retrieval.services.watching import watches
from retrieval.services.watching.watches import Fit, Least, WatchRequest
from retrieval.work import watching

if TYPE_CHECKING:
    from django.contrib.auth.models import User

PAST = timedelta(days=30)
A_PAGE, MOST_TRIED = 200, 1_000
# Thresholds that are told of; the last ones, as probabilities and cosines both crowd near 1.
MARKS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
SHOWN = 50
TENTH, UNKNOWN_LEAST = 10, 0.5
BATCH = 1_000
WORK_SECONDS = 8.0  # of one task


@dataclass(frozen=True)
class Found:
    """A picture that would have fired; ``probability`` is None where nothing tells it."""

    image: Image
    score: float
    probability: float | None


@dataclass(frozen=True)
class Step:
    """How often a watch would have fired from this threshold on."""

    threshold: float
    fired: int


@dataclass(frozen=True)
class Trial:
    """What a watch would have done since then: how often it had fired, at which pictures, and by other thresholds.

    ``at_least``: more than MOST_TRIED pictures were as near, and only these were counted.
    """

    since: datetime
    fired: int
    at_least: bool
    threshold: float
    steps: Sequence[Step]
    results: Sequence[Found]


def begin(request: WatchRequest, *, user: User) -> Watch:
    """Keep a watch that is off, so that it can be tried first. Raises as ``watches.create``.

    Where nothing tells what its scores mean, it fires from the score of the TENTH nearest picture on.
    """
    question = reading.question_of(request.search, user=user)
    told = request.search.is_one_image and verdicts.calibration_of(question.encoder) is not None
    if request.least == Least() and question.vector and not told and request.search.kind != "concept":
        request = replace(request, least=Least(score=_tenth(question, user=user)))
    return watches.create(replace(request, active=False), user=user)


def tried(watch_id: UUID, *, user: User, since: datetime | None = None) -> Trial:
    """Hold a watch against the pictures added since then, else in the last 30 days. Raises NotFound, and as a search.

    The pictures that it asks with are left out, as they never fire.
    """
    row = watches.get(watch_id, user=user)
    return _trial(row, watches.fitted(row, user=user), user=user, since=since)


def as_it_stands(row: Watch) -> Trial | None:
    """Hold what the workers have of a watch against the last 30 days, with all that it would have fired for.

    None where they have none by the active encoder. Raises as ``tried``.
    """
    fit = watches.fitted(row, user=row.user)
    if row.direction is None or row.least is None or row.encoder_id != fit.question.encoder.pk:
        return None
    unit = np.frombuffer(bytes(row.direction), "<f4")
    asked = replace(fit.question, vector=QueryVector.of(unit, length=1.0))
    return _trial(row, Fit(asked, row.least, row.candidates), user=row.user, shown=MOST_TRIED)


def _trial(row: Watch, fit: Fit, *, user: User, since: datetime | None = None, shown: int = SHOWN) -> Trial:
    since = since or timezone.now() - PAST
    own = (*watches.request_of(row).wanted, *fit.question.filters.exclude)
    question = replace(fit.question, filters=replace(fit.question.filters, exclude=own, words=None), exact=True)
    hits: list[Hit] = []
    for offset in range(0, MOST_TRIED, A_PAGE):
        page = nearest(replace(question, k=A_PAGE, offset=offset), user=user).hits
        hits += page
        if len(page) < A_PAGE:
            break
    new = _added_since(since, hits, user=user)
    calibration = verdicts.calibration_of(fit.question.encoder) if row.by_probability else None
    scored = [(hit, _probability(hit.score, calibration, fit.candidates)) for hit in hits if hit.image_id in new]
    firing = [Found(new[hit.image_id], hit.score, told) for hit, told in scored if hit.score >= fit.least]
    threshold = row.min_probability if row.by_probability and row.min_probability is not None else fit.least
    return Trial(since, len(firing), len(hits) == MOST_TRIED, threshold, _steps(scored), firing[:shown])


def ask_backfill(watch_id: UUID, *, user: User) -> Watch:
    """Have a watch look at all older pictures too; asked again, it begins anew. Raises NotFound."""
    with transaction.atomic():
        row = watches.get(watch_id, user=user)
        row.backfill_from = UUID(int=2**128 - 1)
        row.save(update_fields=["backfill_from"])
        accounts.record(user, "watch.backfill", row)
    return row


def backfill() -> bool:
    """Look at older pictures for some seconds, newest first, a commit a batch; return whether more is left.

    Two workers at once do the same batch twice, and nothing else: an alert is there once.
    """
    ends, encoder = time.monotonic() + WORK_SECONDS, Encoder.objects.active()
    while encoder and time.monotonic() < ends and (row := waiting().order_by("pk").first()):
        _batch(row, encoder)
    return encoder is not None and waiting().exists()


def waiting() -> QuerySet[Watch]:
    """The watches that have older pictures to look at, and can."""
    fit = Watch.objects.filter(encoder=Encoder.objects.active(), direction__isnull=False, active=True)
    return fit.filter(backfill_from__isnull=False)


def _batch(row: Watch, encoder: Encoder) -> None:
    """Look at the next pictures below the mark, and move it."""
    with transaction.atomic():
        seen = Image.objects.visible_to(row.user).filter(pk__lt=row.backfill_from).order_by("-pk")
        ids = list(seen.values_list("pk", flat=True)[:BATCH])
        found = stored.queries(encoder, ids)
        watching.look(encoder, row.pk, {pk: query.unit for pk, query in found.items()})
        Watch.objects.filter(pk=row.pk, backfill_from=row.backfill_from).update(
            backfill_from=ids[-1] if len(ids) == BATCH else None
        )


def _tenth(question: Question, *, user: User) -> float:
    """Rounded down, so that this one fires."""
    hits = nearest(replace(question, k=TENTH, offset=0, group=False), user=user).hits
    return max(-1.0, math.floor(100 * hits[-1].score) / 100) if hits else UNKNOWN_LEAST


def _added_since(since: datetime, hits: Sequence[Hit], *, user: User) -> dict[UUID, Image]:
    rows = Image.objects.visible_to(user).defer("words").filter(created_at__gte=since)
    return rows.in_bulk([hit.image_id for hit in hits])


def _probability(score: float, calibration: Calibration | None, candidates: int) -> float | None:
    return None if calibration is None else float(calibration.probability([score], candidates=candidates)[0])


def _steps(scored: Sequence[tuple[Hit, float | None]]) -> list[Step]:
    """By the probability, or by the cosine where there is none."""
    values = [hit.score if told is None else told for hit, told in scored]
    return [Step(mark, sum(value >= mark for value in values)) for mark in MARKS]
