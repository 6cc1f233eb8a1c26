"""Watches: a search that is kept, on or off, fitted to the active encoder, and looked after when that changes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from retrieval.errors import InvalidInput, NotFound, RetrievalError
from retrieval.matching import Band, band_begins
from retrieval.models import Collection, Delivery, DeliveryState, Encoder, Measure, Watch
from retrieval.models.bounds import COLLECTION_NAME_LENGTH
from retrieval.models.watches import version
from retrieval.search import Question, counts, stored
from retrieval.services.people import accounts
from retrieval.services.searching import concepts, reading, receipts, verdicts
from retrieval.services.searching.search_request import SearchRequest
from retrieval.services.watching import avoiding
from retrieval.services.watching.notify import NOT_TOLD, Notify, set_notify, tell_anew
from retrieval.work import watching

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from retrieval.models.collections import Viewer

log = structlog.get_logger(__name__)

MOST_WATCHES = 1_000  # of one person
AT_ONCE = 200  # fitted by one look
MOST_CAUGHT_UP = 10_000  # pictures that became ready while a watch could not see
TRY_AGAIN = timedelta(hours=1)  # what could not be fitted
# What a search may ask and a watch cannot tell of one picture.
NOT_WATCHED = ("mode", "expand", "diversity", "group", "measure", "exclude_group", "encoder")


@dataclass(frozen=True)
class Least:
    """From where on a watch fires: a band, a probability, or a cosine; at most one is given."""

    band: str | None = None
    probability: float | None = None
    score: float | None = None


@dataclass(frozen=True)
class WatchRequest:
    """What is watched for."""

    name: str
    search: SearchRequest
    least: Least = Least()
    notify: Notify = NOT_TOLD
    active: bool = True


@dataclass(frozen=True)
class Fit:
    """A watch as the workers need it: the question, the cosine from which it fires, among how many that was told."""

    question: Question
    least: float
    candidates: int
    calibration: str = ""
    avoids: int = 0


def listing(user: Viewer) -> QuerySet[Watch]:
    """Return a person's watches, newest first, each with what became of its deliveries (``deliveries_of``)."""
    sent = Delivery.objects.filter(alert__watch=OuterRef("pk")).order_by()
    counts = {
        f"{state}_deliveries": Coalesce(
            Subquery(sent.filter(state=state).values("alert__watch").annotate(n=Count("*")).values("n")), 0
        )
        for state in (DeliveryState.WAITING, DeliveryState.DEAD)
    }
    error = Subquery(sent.exclude(error="").order_by("-due_at").values("error")[:1])
    return Watch.objects.filter(user_id=user.pk or 0).annotate(delivery_error=error, **counts)


def deliveries_of(row: Watch) -> dict[str, Any]:
    """How many alerts of a watch of ``listing`` wait and were given up, and why the last of them failed."""
    counts = {state: int(getattr(row, f"{state}_deliveries", 0)) for state in ("waiting", "dead")}
    return {**counts, "error": getattr(row, "delivery_error", None) or ""}


def get(watch_id: UUID, *, user: Viewer) -> Watch:
    """Return one of the person's watches. Raises NotFound."""
    found = listing(user).filter(pk=watch_id).first()
    if found is None:
        raise NotFound("There is no such watch.")
    return found


def create(request: WatchRequest, *, user: User) -> Watch:
    """Keep a watch, and fit it. Raises InvalidInput naming the field, and what the search itself would raise."""
    _check_search(request.search)
    row = Watch(user=user, asked=request.search.to_json())
    _set_name(row, request.name)
    _set_least(row, request.least)
    set_notify(row, request.notify)
    row.active = request.active
    _write_fit(row, fitted(row, user=user))
    with transaction.atomic():
        if listing(user).count() >= MOST_WATCHES:
            raise InvalidInput.of("name", f"You have {MOST_WATCHES} watches already; remove one first.")
        row.save(force_insert=True)
        accounts.record(user, "watch.create", row)
    return row


def change(watch_id: UUID, changes: dict[str, Any], *, user: User) -> Watch:
    """Change ``name``, ``active``, ``least`` or ``notify``; the rest stays. Raises as ``create``."""
    with transaction.atomic():
        row = listing(user).select_for_update(no_key=True).filter(pk=watch_id).first()
        if row is None:
            raise NotFound("There is no such watch.")
        if "name" in changes:
            _set_name(row, changes["name"])
        if "notify" in changes:
            set_notify(row, changes["notify"])
        if "least" in changes:
            _set_least(row, changes["least"])
            row.least_set_at = timezone.now()
            _write_fit(row, fitted(row, user=user))
        row.active = changes.get("active", row.active)
        row.version = version()
        row.save()
        if "notify" in changes:
            tell_anew(row)
        accounts.record(user, "watch.change", row, what=sorted(changes))
    return row


def remove(watch_id: UUID, *, user: User) -> None:
    """Remove a watch with its alerts, on the trail. Raises NotFound."""
    row = get(watch_id, user=user)
    with transaction.atomic():
        accounts.record(user, "watch.remove", row)
        row.delete()


def request_of(row: Watch) -> SearchRequest:
    """Return the search that is watched."""
    return SearchRequest.from_json(row.asked)


def fitted(row: Watch, *, user: Viewer) -> Fit:
    """Ask the search for the watch's query now, and where it begins to fire. Raises what the search raises."""
    request = request_of(row)
    found = _fitted(row, request, user=user)
    told = None
    if request.kind != "concept":  # which learns by itself what was wrong
        told = avoiding.avoiding(row, found.question, found.least, own=request.wanted, user=user)
    if told is None:
        return found
    return replace(found, question=told.question, least=told.least, calibration="", avoids=told.avoids)


def _fitted(row: Watch, request: SearchRequest, *, user: Viewer) -> Fit:
    question = replace(reading.question_of(request, user=user), measure=Measure.COSINE)
    if question.vector is None or (request.kind != "text" and question.filters.words is not None):
        raise InvalidInput.of("text", "These words mean nothing to the encoder; watch for a picture or other words.")
    if question.filters.without:
        raise InvalidInput.of("negatives", "A watch avoids what is like a picture, no words.")
    if question.filters.near:
        raise InvalidInput.of("concept", "A watch is for a concept, or for something else; not for both.")
    found = Fit(question, -1.0, _candidates(question, user=user))
    if row.min_score is not None:
        return replace(found, least=row.min_score)
    if request.kind == "concept" and request.concept and row.min_probability is None:
        taught = concepts.direction(concepts.get(request.concept, user=user), user=user, encoder=question.encoder)
        return replace(found, least=taught.least)
    return _by_probability(row, found, request)


def refresh() -> int:
    """Fit what is not fitted to the active encoder, or watches for a concept; return how many changed.

    One that cannot be fitted is written down with the reason, fires no more, and is tried again after an hour.
    """
    encoder, changed = Encoder.objects.active(), 0
    if encoder is None:
        return 0
    waits = Q(trouble="") | Q(fitted_at__lt=timezone.now() - TRY_AGAIN)
    stale = Watch.objects.filter(waits & (~Q(encoder=encoder) | Q(encoder=None) | ~Q(trouble="")))
    taught = Watch.objects.filter(asked__concept__isnull=False).exclude(asked__concept=None)
    for rows in (stale, taught):
        for pk in rows.order_by("fitted_at").values_list("pk", flat=True)[:AT_ONCE]:
            changed += refit(pk, encoder)
    return changed


def refit(watch_id: UUID, encoder: Encoder) -> bool:
    """Fit one anew, unless somebody changes it just now; what became ready before it could see is looked at."""
    with transaction.atomic():
        rows = Watch.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
        row = rows.select_related("user").filter(pk=watch_id).first()
        if row is None:
            return False
        before, since = _standing(row), row.fitted_at or row.created_at
        try:
            _write_fit(row, fitted(row, user=row.user))
        except RetrievalError as error:
            row.encoder, row.direction, row.trouble, row.fitted_at = encoder, None, error.code, timezone.now()
            row.fitted_said = row.said
            log.warning("watch_not_fitted", watch=str(row.pk), code=error.code)
        changed = before != _standing(row)
        row.version = version() if changed else row.version
        row.save()
        if row.direction is not None and before[:2] != _standing(row)[:2]:
            _catch_up(row, encoder, since=max(since, encoder.activated_at or since))
    return changed


def _standing(row: Watch) -> tuple[UUID | None, bool, bytes, float | None, str]:
    return row.encoder_id, row.direction is not None, bytes(row.direction or b""), row.least, row.trouble


def _catch_up(row: Watch, encoder: Encoder, *, since: datetime) -> None:
    ready = stored.ready_since(encoder, since, most=MOST_CAUGHT_UP)
    watching.look(encoder, row.pk, {pk: query.unit for pk, query in stored.queries(encoder, ready).items()})


def _write_fit(row: Watch, fit: Fit) -> None:
    if fit.question.vector is None:
        raise InvalidInput.of("text", "There is nothing to watch for.")
    row.encoder, row.direction = fit.question.encoder, fit.question.vector.unit.astype("<f4").tobytes()
    row.least, row.calibration, row.candidates = fit.least, fit.calibration, fit.candidates
    row.fitted_at, row.trouble, row.avoids, row.fitted_said = timezone.now(), "", fit.avoids, row.said


def _by_probability(row: Watch, found: Fit, request: SearchRequest) -> Fit:
    calibration = verdicts.calibration_of(found.question.encoder)
    if calibration is None or not request.is_one_image:
        raise InvalidInput.of("min_score", "Nothing tells what the scores of this search mean; give the least score.")
    if row.min_probability is None:
        row.min_probability = band_begins(Band.ALIKE)
    least = calibration.least_score(row.min_probability, candidates=found.candidates)
    return replace(found, least=least, calibration=receipts.digest(found.question.encoder.calibration))


def _candidates(question: Question, *, user: Viewer) -> int:
    visible = Collection.objects.visible_to(user)
    homes = question.filters.collections
    within = visible if homes is None else visible.filter(pk__in=homes)
    return max(1, counts.total(question.encoder, within=within))


def _check_search(request: SearchRequest) -> None:
    plain = SearchRequest()
    for name in NOT_WATCHED:
        if getattr(request, name) not in (getattr(plain, name), Measure.COSINE):
            raise InvalidInput.of(name, "A watch knows no such thing.")
    if request.files:
        raise InvalidInput.of("file", "Add the picture first, and watch for it by its id.")
    request.check()


def _set_name(row: Watch, text: str) -> None:
    row.name = text.strip()
    if not 1 <= len(row.name) <= COLLECTION_NAME_LENGTH or "\x00" in row.name:
        raise InvalidInput.of("name", f"A name has 1 to {COLLECTION_NAME_LENGTH} characters.")


def _set_least(row: Watch, least: Least) -> None:
    given = [name for name in ("band", "probability", "score") if getattr(least, name) is not None]
    if len(given) > 1:
        raise InvalidInput.of(f"min_{given[1]}", "Give one of min_band, min_probability and min_score.")
    row.min_probability, row.min_score = least.probability, least.score
    if least.band is not None:
        if least.band not in {Band.ALIKE, Band.VERY_ALIKE}:
            raise InvalidInput.of("min_band", "A watch fires from alike or very_alike on.")
        row.min_probability = band_begins(Band(least.band))
    if row.min_probability is not None and not 0 < row.min_probability <= 1:
        raise InvalidInput.of("min_probability", "Above 0, at most 1.")
    if row.min_score is not None and not (math.isfinite(row.min_score) and -1 <= row.min_score <= 1):
        raise InvalidInput.of("min_score", "A cosine, between -1 and 1.")
