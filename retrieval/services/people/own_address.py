"""A person's own address of mail: counts once a link that was sent to it is opened, and the one before is told."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from retrieval.errors import SENTENCES, InvalidInput, NotFound
from retrieval.models import LetterKind, NewAddress
from retrieval.services.people import letters, limits, posting
from retrieval.services.people.accounts import digest

if TYPE_CHECKING:
    from django.contrib.auth.models import User

GOOD_FOR = timedelta(days=1)
# So many mails an hour may one person have sent to addresses that may be anybody's.
MOST_AN_HOUR = 5


def ask(user: User, address: str) -> None:
    """Have a link mailed to an address that the person gives; a link before it ends. An empty one counts at once.

    Commits. Raises InvalidInput naming ``email`` (``mail_off``, ``no_address``), TooMany.
    """
    if not address:
        _set(user, "")
        return
    if code := posting.why_not(address):
        raise InvalidInput.of("email", SENTENCES[code], code=code)
    limits.hit("own-address", key=str(user.pk), limit=MOST_AN_HOUR, per_seconds=limits.HOUR)
    fields = {"address": address, "digest": "", "expires_at": timezone.now() + GOOD_FOR}
    with transaction.atomic():
        NewAddress.objects.update_or_create(user=user, defaults=fields)
        letters.queue(LetterKind.CONFIRMATION, user=user, address=address)


def token(user: User, *, address: str) -> str:
    """Make the secret of the link for the address, and return it, never to be seen again.

    It confirms nothing when another one waits by now: else it would confirm that one to who reads this one's mails.
    """
    made = secrets.token_urlsafe(32)
    NewAddress.objects.filter(user=user, address=address).update(digest=digest(made))
    return made


def waiting(user: User) -> NewAddress | None:
    """Return the address that the person gave and has not confirmed yet."""
    return NewAddress.objects.filter(user=user, expires_at__gt=timezone.now()).first()


def by_link(user: User, secret: str) -> NewAddress:
    """Return what a link of this person confirms, and leave it as it is. Raises NotFound (``link_used``)."""
    found = NewAddress.objects.filter(user=user, digest=digest(secret), expires_at__gt=timezone.now()).first()
    if found is None:
        raise NotFound("This link was used already, or it is too old.", code="link_used")
    return found


def confirm(user: User, secret: str) -> str:
    """Let the address count, and return it. Commits. Raises NotFound as ``by_link``."""
    with transaction.atomic():
        found = by_link(user, secret)
        _set(user, found.address)
    return found.address


def _set(user: User, address: str) -> None:
    """Set it; the watch over accounts writes the line in the trail, and to the address before."""
    with transaction.atomic():
        NewAddress.objects.filter(user=user).delete()
        user.email = address
        user.save(update_fields=["email"])
