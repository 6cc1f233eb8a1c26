"""Alerts: what watches fired for, read by their person while they may see the picture, and marked as right or wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from retrieval.errors import InvalidInput, NotFound
from retrieval.models import Alert, AlertVerdict, Image, Watch
from retrieval.services.searching import concepts
from retrieval.services.searching.concepts import Clicks

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from retrieval.models.collections import Viewer


@dataclass(frozen=True)
class AlertFilters:
    """What to keep of the list; None keeps all."""

    watch: UUID | None = None
    seen: bool | None = None


def listing(user: Viewer, *, filters: AlertFilters = AlertFilters()) -> QuerySet[Alert]:
    """Return the person's alerts of pictures that they see now, newest first, with how many ``repeats`` each gathered.

    A repeat is no alert of its own in the list.
    """
    mine = Alert.objects.filter(watch__user_id=user.pk or 0, image__in=Image.objects.visible_to(user))
    repeated = mine.filter(gathered_into=OuterRef("pk")).order_by().values("gathered_into")
    count = Subquery(repeated.annotate(n=Count("*")).values("n"))
    rows = mine.filter(gathered_into=None).annotate(repeats=Coalesce(count, 0)).select_related("watch", "image")
    given = {"watch_id": filters.watch, "seen": filters.seen}
    return rows.filter(**{name: value for name, value in given.items() if value is not None})


def unseen(user: Viewer, *, most: int | None = None) -> int:
    """Count the alerts that wait for the person, up to ``most``."""
    waiting = Alert.objects.filter(watch__user_id=user.pk or 0, seen=False, gathered_into=None)
    return waiting.filter(image__in=Image.objects.visible_to(user)).order_by()[:most].count()


def get(alert_id: UUID, *, user: Viewer) -> Alert:
    """Return one of the person's alerts, whose picture they see. Raises NotFound."""
    found = listing(user).filter(pk=alert_id).first()
    if found is None:
        raise NotFound("There is no such alert.")
    return found


def still_told(ids: Sequence[UUID], *, user: User) -> Mapping[UUID, Alert]:
    """Return those of these alerts that their person may be told of now; none when the account is closed."""
    return {row.pk: row for row in listing(user).filter(pk__in=ids)} if user.is_active else {}


def mark(alert_id: UUID, *, user: User, seen: bool | None = None, verdict: str | None = None) -> Alert:
    """Say that an alert was seen, and whether it was right (``""`` takes that back). Raises NotFound, InvalidInput.

    By another verdict its watch is due to be sharpened; the edge wakes the worker for watches.
    """
    row = get(alert_id, user=user)
    if verdict is not None and verdict not in {"", *AlertVerdict.values}:
        raise InvalidInput.of("verdict", f"The verdict is one of {', '.join(AlertVerdict.values)}.")
    with transaction.atomic():
        row.seen = row.seen if seen is None else seen
        if verdict is not None and verdict != row.verdict:
            _say(row, verdict, user=user)
        row.save(update_fields=["seen", "verdict", "said_at"])
    return row


def _say(row: Alert, verdict: str, *, user: User) -> None:
    """Write the verdict onto the row, and have the watch fitted anew; a concept is taught what it was wrong about."""
    Watch.objects.filter(pk=row.watch_id).update(said=F("said") + 1)  # held until the commit, whoever fits it meanwhile
    if AlertVerdict.WRONG in {verdict, row.verdict}:
        asked = Watch.objects.filter(pk=row.watch_id, asked__concept__isnull=False).exclude(asked__concept=None)
        for pk in asked.values_list("asked__concept", flat=True):
            _teach(UUID(pk), row.image_id, wrong=verdict == AlertVerdict.WRONG, user=user)
    row.verdict, row.said_at = verdict, timezone.now()


def _teach(concept_id: UUID, image_id: UUID, *, wrong: bool, user: User) -> None:
    """Teach a concept that is still the person's to use what it was wrong about, or have it forget that."""
    if concepts.listing(user).filter(pk=concept_id).exists():
        concepts.teach(concept_id, Clicks(no=[image_id]) if wrong else Clicks(forget=[image_id]), user=user)


def see(user: Viewer, *, watch: UUID | None = None) -> int:
    """Say of all that wait, or of one watch's, that they were seen; return how many."""
    waiting = listing(user, filters=AlertFilters(watch=watch, seen=False))
    return Alert.objects.filter(pk__in=waiting.values("pk")).update(seen=True)


def told(row: Alert) -> dict[str, Any]:
    """What a webhook is sent of an alert, as JSON values: the fields that the API gives, without addresses."""
    return {
        "id": str(row.pk),
        "watch": str(row.watch_id),
        "image": str(row.image_id),
        "score": row.score,
        "probability": row.probability,
        "threshold": row.threshold,
        "encoder": row.encoder,
        "calibration": row.calibration,
        "repeats": repeats(row),
        "fired_at": row.fired_at.isoformat(),
        "seen": row.seen,
        "verdict": row.verdict or None,
    }


def repeats(row: Alert) -> int:
    """How many repeats an alert of ``listing`` has gathered."""
    return int(getattr(row, "repeats", 0))
