"""One-time sign-in links: on the terminal for the person who runs the site, by administrators for others."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from retrieval import caller, conf
from retrieval.errors import Forbidden, InvalidInput
from retrieval.models import FirstLink
from retrieval.services.people import rights
from retrieval.services.people.accounts import digest, note, record

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import QuerySet

ADMIN = "admin"
GOOD_FOR = timedelta(hours=12)
# By mail: of who forgot the password, which anybody can ask for; of who was invited, which may lie over a weekend.
RESET_GOOD_FOR, INVITATION_GOOD_FOR = timedelta(hours=1), timedelta(hours=72)
# Any number that nobody else uses: whoever makes the administrator holds it until the commit.
PREPARE_LOCK = 0x61646D696E


def prepare_admin(password: str = "") -> User:
    """Return the administrator; on the first start make it, with this password or one that nobody knows.

    A site that has a superuser already is left alone: the password counts only once. Raises InvalidInput for one that
    nobody may have.
    """
    users = get_user_model().objects
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [PREPARE_LOCK])
        found = users.filter(is_superuser=True, is_active=True).order_by("pk").first()
        if found is None and password:
            _require_good(password)
        return found or users.create_superuser(ADMIN, password=password or secrets.token_urlsafe(32))


def _require_good(password: str) -> None:
    try:
        validate_password(password, user=get_user_model()(username=ADMIN))
    except ValidationError as error:
        raise InvalidInput.of("password", " ".join(error.messages)) from None


def issue(user: User, *, good_for: timedelta = GOOD_FOR, alone: bool = True, by_terminal: bool = False) -> str:
    """Make a link for the user and return its token, which is never to be seen again; links before it end.

    Not ``alone``: they stay, as strangers can ask for this one. ``by_terminal``: it also opens where passwords are off.
    Commits one row; only a digest of the token is kept. Of two who ask at once, the later one's link is good.
    """
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        get_user_model().objects.select_for_update(no_key=True).get(pk=user.pk)
        before = FirstLink.objects.filter(user=user)
        (before if alone else before.filter(Q(expires_at__lt=timezone.now()) | ~Q(used_at=None))).delete()
        FirstLink.objects.create(
            user=user, digest=digest(token), password=digest(user.password), expires_at=timezone.now() + good_for,
            by_terminal=by_terminal,
        )  # fmt: skip
    return token


def issue_for(person: User, *, actor: User) -> str:
    """Make a link for somebody who is new or has lost the password, on the trail; as ``issue``.

    Raises Forbidden for an account that is out of the actor's reach, or closed.
    """
    require_reach(person, actor=actor)
    with transaction.atomic():
        token = issue(person)
        record(actor, "first_link.issued", person)
    return token


def require_reach(person: User, *, actor: User) -> None:
    """Raise Forbidden for an account that is out of the actor's reach, or closed, and where passwords are off."""
    if not conf.get().passwords:
        raise Forbidden("Passwords are switched off here.", code="passwords_off")
    if not rights.may_change_person(actor, person):
        raise Forbidden("Only a superuser makes links for accounts with powers of their own.")
    if not person.is_active:
        raise Forbidden("The account is closed.", code="account_closed")


def is_good(token: str) -> bool:
    """Tell whether the link would sign somebody in, and leave it as it is: programs look at links before people do."""
    link = _good(token).select_related("user").first()
    return link is not None and _may_sign_in(link)


def redeem(token: str) -> User | None:
    """Return whom the link signs in, and use it up; None when it is unknown, used or too old.

    One statement on the row itself decides, so of all who come at once one gets in. A condition on another table must
    not stand in it: the database would ask that first, before it waits for the others.
    """
    with transaction.atomic():
        if not _good(token).update(used_at=timezone.now()):
            note(caller.current().person(), "first_link.refused")
            return None
        link = FirstLink.objects.select_related("user").get(digest=digest(token))
        if not _may_sign_in(link):
            return None
        user: User = link.user
        record(user, "first_link.redeemed", user)
    return user


def _may_sign_in(link: FirstLink) -> bool:
    """Tell whether the account is open and its password still the one of that moment."""
    here = conf.get().passwords or link.by_terminal
    return here and link.user.is_active and link.password == digest(link.user.password)


def _good(token: str) -> QuerySet[FirstLink]:
    return FirstLink.objects.filter(digest=digest(token), used_at=None, expires_at__gt=timezone.now())
