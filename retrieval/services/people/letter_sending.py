"""Letters on their way to the mail server: tried with growing gaps, each time with a new link, given up in the end."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q
from django.utils import timezone, translation

from retrieval import conf
from retrieval.models import Letter, LetterKind
from retrieval.services.people import letter_texts, limits, own_address, posting, sign_in_link
from retrieval.services.people.accounts import note, record

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import QuerySet

WORK_SECONDS = 8.0  # of one task
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
# Later nobody waits for it any more, and the link is worth less than the risk.
RESET_WAITS, OTHERS_WAIT = timedelta(hours=1), timedelta(days=1)
# So many accounts may one address be of, and so many mails an hour may strangers have sent to one account.
MOST_ACCOUNTS, RESETS_AN_HOUR = 5, 3
_sending = threading.Lock()


def due() -> QuerySet[Letter]:
    """What is to be sent now."""
    return Letter.objects.filter(due_at__lte=timezone.now())


def ways_due() -> list[str]:
    """The ways by which something is to be sent now: none, or the one without a name, beside those of alerts."""
    return [""] if due().exists() else []


def send_due() -> bool:
    """Send what is due for some seconds; return whether more is. Each try is counted before it begins."""
    ends = time.monotonic() + WORK_SECONDS
    with posting.unless_taken(_sending) as mine:
        while mine and time.monotonic() < ends and (letter := _claimed()):
            _send(letter)
    return bool(mine) and due().exists()


def _claimed() -> Letter | None:
    """Take the one that is due longest; should nobody hear of this try again, the next is after its wait."""
    with transaction.atomic():
        letter = due().select_for_update(skip_locked=True, of=("self",)).select_related("user").first()
        if letter:
            letter.attempts += 1
            letter.due_at = timezone.now() + min(LONGEST_WAIT, FIRST_WAIT * int(2 ** (letter.attempts - 1)))
            letter.save(update_fields=["attempts", "due_at"])
    return letter


def _send(letter: Letter) -> None:
    """Send one, or write it to whom it turns out to be for; what can be sent never is forgotten."""
    if letter.user is None:
        with transaction.atomic():
            for person in [] if _too_late(letter) else _who(letter.asked):
                Letter.objects.create(kind=LetterKind.RESET, user=person, language=letter.language)
            letter.delete()
        return
    address = letter.address or letter.user.email
    reason = posting.why_not(address) or ("" if letter.user.is_active else "account_closed")
    if not reason and _too_late(letter):
        reason = posting.UNREACHABLE
    if not reason:
        with translation.override(letter.language or "en"):
            mail = letter_texts.write(letter, address=address, link=_link(letter, letter.user))
            reason = posting.hand_in(mail)
    _end(letter, reason=reason)


def _end(letter: Letter, *, reason: str) -> None:
    """Strike it off when it was sent, or never will be; the others wait for a server that takes none."""
    if reason == posting.UNREACHABLE and not _too_late(letter):
        due().update(due_at=letter.due_at)
        return
    with transaction.atomic():
        if reason:
            note(None, "letter.given_up", letter.user, kind=letter.kind, reason=reason)
        letter.delete()


def _too_late(letter: Letter) -> bool:
    resets = {LetterKind.FORGOTTEN, LetterKind.RESET}
    return timezone.now() - letter.created_at >= (RESET_WAITS if letter.kind in resets else OTHERS_WAIT)


def _who(asked: str) -> list[User]:
    """The accounts of this name or address that have a password, as often as strangers may have them written to.

    Letters go to the address that is kept, not to the one that was typed: two that the database takes for equal may be
    different mailboxes.
    """
    found = get_user_model().objects.filter(Q(username=asked) | Q(email__iexact=asked), is_active=True)
    people = found.exclude(email="").order_by("pk")[:MOST_ACCOUNTS]
    return [person for person in people if person.has_usable_password() and _may_be_written_to(person)]


def _may_be_written_to(person: User) -> bool:
    return limits.nth("reset-letters", key=str(person.pk), per_seconds=limits.HOUR) <= RESETS_AN_HOUR


def _link(letter: Letter, user: User) -> str:
    """Make the link that the letter is for; nothing for one that only tells."""
    site = conf.get().site
    if letter.kind == LetterKind.RESET:
        token = sign_in_link.issue(user, good_for=sign_in_link.RESET_GOOD_FOR, alone=False)
        record(None, "first_link.mailed", user)
        return f"{site}/first/{token}"
    if letter.kind == LetterKind.INVITATION:
        return f"{site}/first/{sign_in_link.issue(user, good_for=sign_in_link.INVITATION_GOOD_FOR)}"
    if letter.kind == LetterKind.CONFIRMATION:
        return f"{site}/account/mail/{own_address.token(user, address=letter.address)}"
    return ""
