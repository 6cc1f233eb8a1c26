"""Signing in by the house's identity provider: whom it vouches for is known by issuer and subject, never by mail."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING

import structlog
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction

from retrieval import caller, conf, openid
from retrieval.errors import SENTENCES, Conflict, Forbidden, NotFound, Unavailable
from retrieval.models import Identity
from retrieval.models.bounds import SUBJECT_LENGTH
from retrieval.services.people import limits, passwords, rights
from retrieval.services.people.accounts import note, record

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from retrieval.conf import Provider
    from retrieval.openid import Kept, Who

log = structlog.get_logger(__name__)

NOT_IN_NAMES = re.compile(r"[^\w.@+-]+")
NAME_LENGTH, TRIES = 100, 5


def provider() -> Provider:
    """Return the provider that is set. Raises NotFound where none is."""
    found = conf.get().provider
    if found is None:
        raise NotFound("No identity provider is set here.")
    return found


def begin(*, back: str) -> tuple[str, Kept]:
    """Return the address at the provider to go to, and what the session has to keep until the answer comes to ``back``.

    Raises NotFound without a provider, TooMany, Unavailable (``provider_away``).
    """
    found = provider()
    limits.provider(caller.current().address)
    try:
        return openid.begin(found, back=back)
    except Unavailable as error:
        raise _away(error) from error


def finish(kept: Kept, answer: Mapping[str, str]) -> Who:
    """Return whom the provider vouches for, if this person may use the site.

    Raises Forbidden (``provider_refused``), on the trail; Unavailable (``provider_away``).
    """
    found = provider()
    try:
        who = openid.finish(found, kept, answer)
        _require_may(found, who)
    except Forbidden as error:
        raise refused(error.message) from error
    except Unavailable as error:
        raise _away(error) from error
    limits.came_back(caller.current().address)
    return who


def refused(reason: str) -> Forbidden:
    """Write down why nobody is let in, and return the error that says it in plain words."""
    note(None, "provider.refused", reason=reason)
    return Forbidden(SENTENCES["provider_refused"], code="provider_refused")


def enter(who: Who) -> User:
    """Return the person's account, made now for who is new, with powers as the provider's groups say. Commits.

    An account of the same mail address is another one: addresses are given anew, and not every provider looks at them.
    Raises Forbidden for an account that is closed here.
    """
    identity = _known(who) or _made(who)
    passwords.enter_vouched(identity.user)
    _set_powers(identity, who)
    return identity.user


def link(user: User, who: Who) -> None:
    """Let the provider's word open this account from now on. Commits. Raises Conflict when it opens another one."""
    try:
        with transaction.atomic():
            _written(user, who)
    except IntegrityError:
        raise Conflict("This identity opens another account.", code="identity_taken") from None


def unlink(person: User, *, actor: User) -> None:
    """Let the provider's word open this account no more: it makes a new one for who comes again. Commits.

    Raises Forbidden for an account that is out of the actor's reach, NotFound when it opens none.
    """
    if not rights.may_change_person(actor, person):
        raise Forbidden("Only a superuser changes accounts with powers of their own.")
    with transaction.atomic():
        if not Identity.objects.filter(user=person).delete()[0]:
            raise NotFound("The identity provider does not open this account.")
        record(actor, "identity.unlinked", person)


def is_linked(user: User) -> bool:
    """Tell whether the provider's word opens this account."""
    found = conf.get().provider
    return found is not None and Identity.objects.filter(user=user, issuer=found.issuer).exists()


def _away(error: Unavailable) -> Unavailable:
    """Log what is for the operator, and say the rest."""
    log.warning("provider_away", reason=error.message)
    return Unavailable(SENTENCES["provider_away"], code="provider_away", retry_after=error.retry_after)


def _require_may(found: Provider, who: Who) -> None:
    if not who.subject or len(who.subject) > SUBJECT_LENGTH:
        raise Forbidden("The provider gives no usable subject.", code="provider_refused")
    if found.group and not {found.group, found.admin_group} & set(who.groups):
        raise Forbidden("The person is not in the group that may sign in.", code="provider_refused")


def _known(who: Who) -> Identity | None:
    return Identity.objects.select_related("user").filter(issuer=who.issuer, subject=who.subject).first()


def _made(who: Who) -> Identity:
    """Make an account without a password, with the rights of somebody who was invited; of two at once the first counts.

    The name may be taken at the same moment, by somebody else: then with the next free one.
    """
    for _ in range(TRIES):
        try:
            with transaction.atomic():
                user = get_user_model().objects.create_user(_free_name(who.name), email=who.email)
                return _written(user, who)
        except IntegrityError:
            if found := _known(who):
                return found
    raise Conflict("Many accounts are being made just now.")


def _written(user: User, who: Who) -> Identity:
    row = Identity.objects.create(user=user, issuer=who.issuer, subject=who.subject)
    record(user, "identity.linked", user, issuer=who.issuer)
    return row


def _free_name(wanted: str) -> str:
    """The name that the provider tells, as far as names may be so here, with a number where somebody has it."""
    name = NOT_IN_NAMES.sub("-", unicodedata.normalize("NFKC", wanted)).strip("-")[:NAME_LENGTH] or "person"
    taken = get_user_model().objects.filter(username__istartswith=name).values_list("username", flat=True)
    names = {limits.spelling(each) for each in taken}
    numbered = (name if number == 1 else f"{name}-{number}" for number in range(1, len(names) + 2))
    return next(each for each in numbered if limits.spelling(each) not in names)


def _set_powers(identity: Identity, who: Who) -> None:
    """Make an administrator of who is in that group; take back what it gave, and nothing that was given here."""
    group = provider().admin_group
    wanted = bool(group) and group in who.groups
    if wanted == identity.gave_powers:
        return
    user = identity.user
    if wanted and user.is_superuser:
        return  # by somebody here
    user.is_staff = user.is_superuser = identity.gave_powers = wanted
    with transaction.atomic():
        user.save(update_fields=["is_staff", "is_superuser"])
        identity.save(update_fields=["gave_powers"])
