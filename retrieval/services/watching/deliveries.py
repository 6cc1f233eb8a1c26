"""Alerts on their way to webhooks and as mail: at least once each, with growing gaps, given up with a reason."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from retrieval import conf
from retrieval.errors import Forbidden, InvalidInput
from retrieval.ingest import fetch
from retrieval.models import Alert, Delivery, DeliveryState, Watch, Way
from retrieval.services.images import addresses
from retrieval.services.people import limits, posting
from retrieval.services.watching import alerts, mails, watches

if TYPE_CHECKING:
    from django.contrib.auth.models import User

log = structlog.get_logger(__name__)

HEADER = "Imagesearch-Signature"
WORK_SECONDS = 8.0  # of one task
ANSWER_SECONDS = 10.0  # of one receiver
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=6)
MOST_ATTEMPTS = 14  # over about two days
MOST_IN_A_MAIL = 100
HOUR = timedelta(hours=1)
_mailing = threading.Lock()


@dataclass(frozen=True)
class Answered:
    """What a test came to: the status of the webhook, and ``sent`` or the code of why a mail was not; None: not set."""

    status: int | None = None
    mail: str | None = None


def signature(body: bytes, *, key: str, at: int) -> str:
    """The header's value: t=<unix time>,v1=<hex HMAC-SHA-256 of "<t>.<body>"> by the watch's secret."""
    signed = hmac.new(key.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={signed.hexdigest()}"


def due(way: Way) -> QuerySet[Delivery]:
    """What is to be sent now by this way."""
    return Delivery.objects.filter(state=DeliveryState.WAITING, due_at__lte=timezone.now(), way=way)


def ways_due() -> list[Way]:
    """By which ways something is to be sent now."""
    return [way for way in Way if due(way).exists()]


def send_due(way: Way) -> bool:
    """Send what is due this way for some seconds; return whether more is. Each try is counted before it begins.

    A worker that ends in the midst of one leaves it to be sent again: a receiver may have it twice, never not at all.
    All mail goes through one server. When it is slow, one thread of a worker waits for it, and the others go on.
    """
    lane = posting.unless_taken(_mailing) if way == Way.MAIL else nullcontext(enter_result=True)
    ends = time.monotonic() + WORK_SECONDS
    with lane as mine:
        while mine and time.monotonic() < ends and (found := _claimed(way)):
            _send(found)
    return bool(mine) and due(way).exists()


def test(watch_id: UUID, *, user: User) -> Answered:
    """Send something that is no alert by each way that is set. Raises NotFound, InvalidInput, Forbidden, TooMany."""
    row = watches.get(watch_id, user=user)
    if not row.webhook and not row.mail:
        raise InvalidInput.of("notify", "This watch has no webhook and sends no mail.")
    limits.fetch(user)
    status = _post(row, {"test": True, "watch": str(row.pk)}) if row.webhook else None
    return Answered(status, (mails.test(row) or "sent") if row.mail else None)


def _claimed(way: Way) -> list[Delivery]:
    """Take the one that is due longest, then what goes in one mail with it.

    Should nobody hear of this try again, the next is after the wait of the first, the only one for which it counts.
    """
    with transaction.atomic():
        rows = due(way).select_for_update(skip_locked=True, of=("self",)).order_by("due_at")
        found = rows.select_related("alert__watch__user").first()
        if found is None:
            return []
        found.attempts += 1
        found.due_at = timezone.now() + _wait(found.attempts)
        found.save(update_fields=["attempts", "due_at"])
        if way == Way.WEBHOOK:
            return [found]
        with_it = list(rows.filter(alert__watch=found.alert.watch_id)[:MOST_IN_A_MAIL])
        _set(with_it, due_at=found.due_at)
    return [found, *with_it]


def _wait(attempts: int) -> timedelta:
    return min(LONGEST_WAIT, FIRST_WAIT * int(2 ** (attempts - 1)))


def _send(found: Sequence[Delivery]) -> None:
    """Send the first, and what goes with it, while its person may see it."""
    first, watch = found[0], found[0].alert.watch
    if later := _held_back(watch, first.way, now=timezone.now()):
        _set(found, due_at=later)
        _set([first], attempts=F("attempts") - 1)  # what is held back was no try
        return
    rows = alerts.still_told([row.alert_id for row in found], user=watch.user)
    going = [row for row in found if row.alert_id in rows]
    if first not in going or not (watch.webhook if first.way == Way.WEBHOOK else watch.mail):
        _end([first], DeliveryState.DEAD, reason="not_found")
        _set(found[1:], due_at=timezone.now())
        return
    if reason := _sent(watch, first.way, [rows[row.alert_id] for row in going]):
        _failed(found, reason=reason)
        return
    _end(going, DeliveryState.SENT)
    _set([row for row in found if row not in going], due_at=timezone.now())
    # The mail server is back: whatever it kept waiting need not wait on.
    waiting = Delivery.objects.filter(state=DeliveryState.WAITING, way=first.way, error=posting.UNREACHABLE)
    waiting.update(due_at=timezone.now(), error="")


def _sent(watch: Watch, way: str, rows: Sequence[Alert]) -> str:
    """Send them; return why it failed, empty when it did not."""
    try:
        if way == Way.MAIL:
            return mails.send(watch, rows)
        status = _post(watch, alerts.told(rows[0]))
    except (Forbidden, InvalidInput) as error:  # what is switched off may be on again tomorrow
        return error.code
    return "" if 200 <= status < 300 else f"http_{status}"


def _post(watch: Watch, told: dict[str, Any]) -> int:
    if not conf.get().fetch:
        raise Forbidden("Fetching from addresses is switched off here.", code="fetching_off")
    body, at = json.dumps(told, separators=(",", ":")).encode(), int(time.time())
    headers = {"Content-Type": "application/json", HEADER: signature(body, key=watch.secret, at=at)}
    return fetch.post(watch.webhook, body, headers=headers, rules=addresses.rules(seconds=ANSWER_SECONDS))


def _held_back(watch: Watch, way: str, *, now: datetime) -> datetime | None:
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
    sent = Delivery.objects.filter(alert__watch=watch, way=way, sent_at__gt=now - HOUR)
    times = sent.order_by("-sent_at").values_list("sent_at", flat=True).distinct()  # a mail is one, whatever it holds
    last = list(times[: watch.most_an_hour])
    return last[-1] + HOUR if len(last) == watch.most_an_hour and last[-1] else None


def _failed(found: Sequence[Delivery], *, reason: str) -> None:
    """Write down why; whatever else waits for this receiver waits as long, so that nobody stands behind it.

    All mail goes through one server: where nothing is taken by it, no other watch's is either.
    """
    first = found[0]
    if first.attempts >= MOST_ATTEMPTS:
        _end([first], DeliveryState.DEAD, reason=reason)
    else:
        _set([first], error=reason)
    others = due(Way(first.way)).exclude(pk=first.pk)
    if reason != posting.UNREACHABLE:
        others = others.filter(alert__watch=first.alert.watch)
    others.update(due_at=timezone.now() + _wait(first.attempts), error=reason)
    _set(found[1:], error=reason)


def _set(rows: Sequence[Delivery], **fields: Any) -> None:
    Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(**fields)


def _end(rows: Sequence[Delivery], state: DeliveryState, *, reason: str = "") -> None:
    sent = timezone.now() if state == DeliveryState.SENT else None
    _set(rows, state=state, error=reason, sent_at=sent)
    for row in rows:
        log.info("alert_delivered" if sent else "alert_given_up", alert=str(row.alert_id), way=row.way, reason=reason)
