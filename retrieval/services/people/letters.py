"""What is to be mailed to people about their accounts, put down in the transaction at hand; a worker sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import get_language

from retrieval import caller, conf
from retrieval.errors import SENTENCES, Forbidden, InvalidInput
from retrieval.models import Letter, LetterKind
from retrieval.models.bounds import MAIL_LENGTH
from retrieval.services.people import limits, posting, sign_in_link
from retrieval.services.people.accounts import note, record

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def queue(kind: LetterKind, *, user: User | None, address: str = "", asked: str = "") -> None:
    """Put a letter down in the language of whoever acts, to the person's address unless another is given.

    Without a mail server there is none, and none to a person without an address.
    """
    if posting.is_on() and (address or asked or (user and user.email)):
        Letter.objects.create(kind=kind, user=user, address=address, asked=asked, language=get_language() or "")


def forgotten(asked: str) -> None:
    """Have a link for a new password mailed to whose name or address this is, if it is anybody's. Commits.

    Nobody is looked for here, so that neither the answer nor its time tells whether there is such an account. Raises
    TooMany beyond the limits, InvalidInput (``mail_off``) without a mail server, Forbidden where passwords are off.
    """
    if not conf.get().passwords:
        raise Forbidden("Passwords are switched off here.", code="passwords_off")
    if not posting.is_on():
        raise InvalidInput.of("asked", SENTENCES["mail_off"], code="mail_off")
    limits.forgotten(asked, address=caller.current().address)
    with transaction.atomic():
        note(None, "password.forgotten")
        queue(LetterKind.FORGOTTEN, user=None, asked=asked[:MAIL_LENGTH])


def invite(person: User, *, actor: User) -> None:
    """Have a one-time link mailed to somebody who is new or has lost the password, on the trail. Commits.

    Raises Forbidden as ``sign_in_link.issue_for``, InvalidInput (``mail_off``, ``no_address``).
    """
    sign_in_link.require_reach(person, actor=actor)
    if code := posting.why_not(person.email):
        raise InvalidInput.of("email", SENTENCES[code], code=code)
    with transaction.atomic():
        record(actor, "first_link.issued", person, by="mail")
        queue(LetterKind.INVITATION, user=person)
