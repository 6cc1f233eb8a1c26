"""The one door through which every password goes: counted before it is looked at, and written into the trail."""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import CommonPasswordValidator, MinimumLengthValidator
from django.db import transaction

from retrieval import caller, conf
from retrieval.errors import CodeNeeded, Forbidden, TooMany
from retrieval.models import ApiToken, FirstLink, LetterKind, Session, ShareLink
from retrieval.services.people import accounts, letters, limits, second_factor

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import Model
    from django.http import HttpRequest


# What people put around a word to make it longer, and words that lie at hand here.
AROUND = string.digits + string.punctuation + string.whitespace
SITE_WORDS = frozenset({"imagesearch", "image", "images", "picture", "pictures", "collection", "retrieval", "search"})


class Door(ModelBackend):
    """Django's names, passwords and rights; whoever asks it with a password is counted, whichever page it came from."""

    def authenticate(
        self,
        request: HttpRequest | None,  # noqa: ARG002
        username: str | None = None,
        password: str | None = None,
        code: str = "",
        **_: Any,
    ) -> User | None:
        """Return the account that name and password open, or None.

        Raises TooMany beyond the limits; CodeNeeded when both are right and the account asks for a second factor, but
        there is no code, or a wrong one.
        """
        if username is None or password is None:
            return None
        require_on()
        user: User | None = get_user_model().objects.filter(username=username).first()
        if not _looked_at(username, about=user, fits=partial(_fits, user, password)):
            return None
        if user is not None:
            enter(user, code=code)
        return user


class LongEnough(MinimumLengthValidator):
    """A least length; and the end of what hung on the old one, as Django tells validators of each that was set."""

    def password_changed(self, password: str, user: Any) -> None:  # noqa: ARG002
        """End sessions, tokens and links of the person, and write it into the trail, whichever way it was set."""
        with transaction.atomic():
            for kind in (Session, ApiToken, FirstLink):
                kind.objects.filter(user=user).delete()
            accounts.record(caller.current().person(), "password.set", user)
            if user.last_login:  # else it is the first one
                letters.queue(LetterKind.NEW_PASSWORD, user=user)


class Uncommon(CommonPasswordValidator):
    """No common password, nor one that is only made longer: digits and signs around it, or the same twice.

    Words of this site count as common, too.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.passwords |= SITE_WORDS

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ValidationError for a common one."""
        text = unicodedata.normalize("NFKC", password).casefold().strip()
        core = text.strip(AROUND)
        half = core[: len(core) // 2]
        for known in (text, core, half if half * 2 == core else core):
            super().validate(known, user)


def require_on() -> None:
    """Raise Forbidden (``passwords_off``) where the house's identity provider is the one way in."""
    if not conf.get().passwords:
        raise Forbidden("Passwords are switched off here.", code="passwords_off")


def prove(user: User) -> bool:
    """Tell whether this person has a password that proves who sits there."""
    return conf.get().passwords and user.has_usable_password()


def enter(user: User, *, code: str) -> None:
    """Let somebody in whose password was right, as the trail will tell. Raises CodeNeeded and TooMany."""
    if second_factor.is_on(user) and not (code and second_factor.accepts(user, code)):
        raise CodeNeeded("This code is not right, or it was used already.", code="code_wrong") if code else CodeNeeded()
    accounts.record(user, "sign_in", user)


def enter_vouched(user: User) -> None:
    """Let somebody in whom the house's identity provider vouches for; whether it asks for a second factor is its own.

    Raises Forbidden for an account that is closed here.
    """
    if not user.is_active:
        accounts.note(None, "provider.refused", user, reason="The account is closed.")
        raise Forbidden("The account is closed.", code="account_closed")
    accounts.record(user, "sign_in", user, by="provider")


def confirm(user: User, password: str) -> bool:
    """Tell whether this is the password of somebody who is signed in. Raises TooMany beyond the limits, Forbidden."""
    require_on()
    return _looked_at(user.get_username(), about=user, fits=partial(_fits, user, password))


def unlocks(link: ShareLink, password: str) -> bool:
    """Tell whether this is the password of a share link. Raises TooMany beyond the limits, which are those of a name.

    No name has a space in it, so no account shares the count.
    """
    return _looked_at(f"link {link.pk}", about=link, fits=partial(check_password, password, link.password))


def _looked_at(name: str, *, about: Model | None, fits: Callable[[], bool]) -> bool:
    """Count, then look; what was right is not counted. Names without an account stay out of the trail.

    People type passwords into the field of the name, and those have no place there.
    """
    asking = caller.current()
    try:
        limits.sign_in(name, address=asking.address)
    except TooMany:
        accounts.note(asking.person(), "password.limited", about)
        raise
    if not fits():
        accounts.note(asking.person(), "password.wrong", about)
        return False
    limits.signed_in(name, address=asking.address)
    return True


def _fits(user: User | None, password: str) -> bool:
    """Hold a password against the account, taking as long when there is none."""
    if user is None:
        make_password(password)
        return False
    before = user.password
    if not user.check_password(password):
        return False
    if user.password != before:
        _keep_what_hangs_on(before, user=user)
    return user.is_active


def _keep_what_hangs_on(before: str, *, user: User) -> None:
    """Let tokens and links live on when the same password was only hashed anew, with a stronger setting."""
    for kind in (ApiToken, FirstLink):
        rows = kind.objects.filter(user=user, password=accounts.digest(before))
        rows.update(password=accounts.digest(user.password))
