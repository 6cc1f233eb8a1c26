"""How the alerts of a watch are told: what may be asked for, held to what is possible here."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import time, timedelta

from django.utils import timezone
from django.utils.translation import get_language

from retrieval.errors import InvalidInput
from retrieval.models import Delivery, DeliveryState, MailWhen, Watch, Way
from retrieval.services.images import addresses
from retrieval.services.watching import mails
from retrieval.work import watching

LONGEST_GATHER = timedelta(days=30)
MOST_AN_HOUR = 10_000


@dataclass(frozen=True)
class Notify:
    """How alerts are told: repeats within ``gather`` as one; to a ``webhook`` and by ``mail`` (empty: none).

    At most so many messages an hour go each way, and nothing from ``quiet_from`` to ``quiet_until`` (UTC, both or
    neither); what is held back comes later.
    """

    webhook: str = ""
    mail: str = ""
    gather: timedelta = timedelta(0)
    most_an_hour: int | None = None
    quiet_from: time | None = None
    quiet_until: time | None = None


NOT_TOLD = Notify()


def set_notify(row: Watch, notify: Notify) -> None:
    """Set all of it on a watch, unsaved. Raises InvalidInput naming ``notify`` or ``url``."""
    if (notify.quiet_from is None) != (notify.quiet_until is None):
        raise InvalidInput.of("notify", "Give both ends of the quiet hours, or neither.")
    if not timedelta(0) <= notify.gather <= LONGEST_GATHER:
        raise InvalidInput.of("notify", f"Repeats are gathered for {LONGEST_GATHER.days} days at most.")
    if notify.most_an_hour is not None and not 1 <= notify.most_an_hour <= MOST_AN_HOUR:
        raise InvalidInput.of("notify", f"Between 1 and {MOST_AN_HOUR} an hour.")
    if notify.webhook:
        addresses.check(notify.webhook)
    if notify.mail not in {"", *MailWhen.values}:
        raise InvalidInput.of("notify", f"Mail comes {', '.join(MailWhen.values)}.")
    if notify.mail:
        mails.require(row.user)
    row.mail, row.language = notify.mail, get_language() or ""
    row.secret = row.secret or secrets.token_hex(32)
    row.webhook, row.gather, row.most_an_hour = notify.webhook, notify.gather, notify.most_an_hour
    row.quiet_from, row.quiet_until = notify.quiet_from, notify.quiet_until


def tell_anew(row: Watch) -> None:
    """Have what waits to be sent follow what was set: what is not wanted any more is dropped, the rest comes in time.

    What is being tried already keeps its turn.
    """
    now = timezone.now()
    waiting = Delivery.objects.filter(alert__watch=row, state=DeliveryState.WAITING)
    if not row.webhook:
        waiting.filter(way=Way.WEBHOOK).delete()
    if not row.mail:
        waiting.filter(way=Way.MAIL).delete()
        return
    waiting.filter(way=Way.MAIL, attempts=0).update(due_at=watching.next_mail(row, now=now))
