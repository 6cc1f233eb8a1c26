"""Watches sharpened by what was said of their alerts, and what that would have changed in the past."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from retrieval.errors import RetrievalError
from retrieval.models import Encoder, Watch
from retrieval.services.watching import trying, watches
from retrieval.services.watching.trying import Trial

AT_ONCE = 20  # in one turn
NAMED = 50  # pictures of which it is told that they would fire no more, or now


def waiting() -> QuerySet[Watch]:
    """The watches of whose alerts something was said that they were not fitted to yet."""
    return Watch.objects.exclude(fitted_said=F("said"))


def work() -> bool:
    """Sharpen some, a commit a watch; return whether more wait."""
    encoder = Encoder.objects.active()
    if encoder is None:
        return False
    for pk in list(waiting().order_by("pk").values_list("pk", flat=True)[:AT_ONCE]):
        _sharpen(pk, encoder)
    return waiting().exists()


def _sharpen(watch_id: UUID, encoder: Encoder) -> None:
    """Fit one anew, unless somebody changes it just now, and write down what that would have changed."""
    with transaction.atomic():
        rows = Watch.objects.select_for_update(no_key=True, skip_locked=True, of=("self",)).select_related("user")
        row = rows.filter(pk=watch_id).first()
        if row is None:
            return
        before, least = _trial(row), row.least
        watches.refit(watch_id, encoder)
        row.refresh_from_db()
        after = _trial(row)
        told = _told(before, after) if before and after else None
        said = {**told, "least_before": least, "least": row.least, "avoids": row.avoids} if told else None
        Watch.objects.filter(pk=watch_id).update(sharpened=said)


def _trial(row: Watch) -> Trial | None:
    """What it would have done in the last 30 days as it stands; None where it can see nothing."""
    try:
        return trying.as_it_stands(row)
    except RetrievalError:
        return None  # its ``trouble`` says why


def _told(before: Trial, after: Trial) -> dict[str, Any]:
    """Both trials, as JSON values."""
    old, new = ([str(found.image.pk) for found in trial.results] for trial in (before, after))
    return {
        "at": timezone.now().isoformat(),
        "fired_before": before.fired,
        "fired": after.fired,
        "gone": [pk for pk in old if pk not in set(new)][:NAMED],
        "come": [pk for pk in new if pk not in set(old)][:NAMED],
    }
