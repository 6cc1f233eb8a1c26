"""Alerts on their way to webhooks: signed, at least once each, with growing gaps, given up with a reason."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from retrieval import conf
from retrieval.errors import Forbidden, InvalidInput, NotFound
from retrieval.ingest import fetch
from retrieval.models import Delivery, DeliveryState, Watch
from retrieval.services.images import addresses
from retrieval.services.people import limits
from retrieval.services.watching import alerts, watches

if TYPE_CHECKING:
    from django.contrib.auth.models import User

log = structlog.get_logger(__name__)

HEADER = "Imagesearch-Signature"
WORK_SECONDS = 8.0  # of one task
ANSWER_SECONDS = 10.0  # of one receiver
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=6)
MOST_ATTEMPTS = 14  # over about two days
HOUR = timedelta(hours=1)


def signature(body: bytes, *, key: str, at: int) -> str:
    """The header's value: t=<unix time>,v1=<hex HMAC-SHA-256 of "<t>.<body>"> by the watch's secret."""
    signed = hmac.new(key.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={signed.hexdigest()}"


def due() -> QuerySet[Delivery]:
    """What is to be sent now."""
    return Delivery.objects.filter(state=DeliveryState.WAITING, due_at__lte=timezone.now())


def send_due() -> bool:
    """Send what is due for some seconds; return whether more is. Each try is counted in a commit before it begins.

    A worker that ends in the midst of one leaves it to be sent again: a receiver may have it twice, never not at all.
    """
    ends = time.monotonic() + WORK_SECONDS
    while time.monotonic() < ends and (found := _claimed()):
        _send(found)
    return due().exists()


def test(watch_id: UUID, *, user: User) -> int:
    """Send the webhook something that is no alert; return what it answers. Raises NotFound, InvalidInput, TooMany."""
    row = watches.get(watch_id, user=user)
    if not row.webhook:
        raise InvalidInput.of("notify", "This watch has no webhook.")
    limits.fetch(user)
    return _post(row, {"test": True, "watch": str(row.pk)})


def _claimed() -> Delivery | None:
    """Take the one that is due longest; should nobody hear of this try again, the next is after its wait."""
    with transaction.atomic():
        rows = due().select_for_update(skip_locked=True, of=("self",)).order_by("due_at")
        found = rows.select_related("alert__watch__user").first()
        if found is None:
            return None
        found.attempts += 1
        found.due_at = timezone.now() + _wait(found.attempts)
        found.save(update_fields=["attempts", "due_at"])
    return found


def _wait(attempts: int) -> timedelta:
    return min(LONGEST_WAIT, FIRST_WAIT * int(2 ** (attempts - 1)))


def _send(found: Delivery) -> None:
    watch = found.alert.watch
    if later := _held_back(watch, now=timezone.now()):
        _put_off(found, until=later)
        return
    try:
        alert = alerts.get(found.alert_id, user=watch.user)
        status = _post(watch, alerts.told(alert))
    except NotFound as error:
        _end(found, DeliveryState.DEAD, reason=error.code)
        return
    except (Forbidden, InvalidInput) as error:  # fetching that is switched off may be on again tomorrow
        _failed(found, reason=error.code)
        return
    if 200 <= status < 300:
        _end(found, DeliveryState.SENT)
    else:
        _failed(found, reason=f"http_{status}")


def _post(watch: Watch, told: dict[str, Any]) -> int:
    if not conf.get().fetch:
        raise Forbidden("Fetching from addresses is switched off here.", code="fetching_off")
    body, at = json.dumps(told, separators=(",", ":")).encode(), int(time.time())
    headers = {"Content-Type": "application/json", HEADER: signature(body, key=watch.secret, at=at)}
    return fetch.post(watch.webhook, body, headers=headers, rules=addresses.rules(seconds=ANSWER_SECONDS))


def _held_back(watch: Watch, *, now: datetime) -> datetime | None:
    """Until when nothing is sent, by quiet hours and by how many an hour; None when it may go."""
    start, end = watch.quiet_from, watch.quiet_until
    if start and end:
        at = now.time()
        quiet = start <= at < end if start <= end else at >= start or at < end
        if quiet:
            ends = now.replace(hour=end.hour, minute=end.minute, second=end.second, microsecond=0)
            return ends if ends > now else ends + timedelta(days=1)
    if watch.most_an_hour is None:
        return None
    sent = Delivery.objects.filter(alert__watch=watch, sent_at__gt=now - HOUR).order_by("-sent_at")
    last = list(sent.values_list("sent_at", flat=True)[: watch.most_an_hour])
    return last[-1] + HOUR if len(last) == watch.most_an_hour and last[-1] else None


def _put_off(found: Delivery, *, until: datetime) -> None:
    """What is held back was no try."""
    Delivery.objects.filter(pk=found.pk).update(due_at=until, attempts=F("attempts") - 1)


def _failed(found: Delivery, *, reason: str) -> None:
    """Write down why; whatever else waits for this receiver waits as long, so that nobody stands behind it."""
    if found.attempts >= MOST_ATTEMPTS:
        _end(found, DeliveryState.DEAD, reason=reason)
        return
    Delivery.objects.filter(pk=found.pk).update(error=reason)
    others = due().filter(alert__watch=found.alert.watch).exclude(pk=found.pk)
    others.update(due_at=timezone.now() + _wait(found.attempts))


def _end(found: Delivery, state: DeliveryState, *, reason: str = "") -> None:
    sent = timezone.now() if state == DeliveryState.SENT else None
    Delivery.objects.filter(pk=found.pk).update(state=state, error=reason, sent_at=sent)
    log.info("alert_delivered" if sent else "alert_given_up", alert=str(found.alert_id), reason=reason)
