"""The second factor: six figures that an app makes anew each half minute (RFC 6238), and codes for who lost the app."""

from __future__ import annotations

import hmac
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyotp
from django.db import transaction
from django.utils import timezone

from retrieval import caller
from retrieval.errors import Conflict, Forbidden, InvalidInput, NotFound, TooMany
from retrieval.models import RecoveryCode, SecondFactor
from retrieval.services.people import accounts, limits, rights, sessions

if TYPE_CHECKING:
    from django.contrib.auth.models import User

ISSUER = "imagesearch"
STEP = 30  # seconds, what every app takes for granted
# Steps by which the clock of a phone may be off, before and behind.
DRIFT = 1
RECOVERY_CODES = 10


@dataclass(frozen=True)
class Setup:
    """What an app needs, as text and as the address that a QR code holds."""

    secret: str
    address: str


def is_on(user: User) -> bool:
    """Tell whether the person is asked for a code."""
    return SecondFactor.objects.filter(user=user).exclude(confirmed_at=None).exists()


def begin(user: User) -> Setup:
    """Make a new secret and return it; nothing is asked for before ``turn_on``. Raises Conflict when the factor is on.

    One that was begun before is forgotten: whoever began it, in a browser left open, may have read it.
    """
    with transaction.atomic():
        SecondFactor.objects.filter(user=user, confirmed_at=None).delete()
        row, made = SecondFactor.objects.get_or_create(user=user, defaults={"secret": pyotp.random_base32()})
    if not made:
        raise Conflict("The second factor is on already.", code="second_factor_on")
    return _setup(row)


def begun(user: User) -> Setup:
    """Return what ``begin`` made, to be shown again. Raises NotFound when it was not begun, Conflict when it is on."""
    return _setup(_unconfirmed(user))


def turn_on(user: User, *, code: str, session_key: str | None) -> list[str]:
    """Ask for a code from now on, once the app shows a right one; return the recovery codes, never to be seen again.

    Other browsers are signed out, as they came in without one. Raises InvalidInput for a wrong code, Conflict when the
    factor is on, NotFound when it was not begun, TooMany beyond the limits.
    """
    row = _unconfirmed(user)
    _require(user, code=code, row=row)
    with transaction.atomic():
        if not SecondFactor.objects.filter(pk=row.pk, secret=row.secret).update(confirmed_at=timezone.now()):
            raise Conflict("Another secret was made meanwhile; begin again.")
        accounts.record(user, "second_factor.on", user)
        sessions.end_others(user, session_key=session_key)
        return _new_codes(user)


def turn_off(user: User, *, code: str) -> None:
    """Ask for no code any more. Raises InvalidInput for a wrong code, TooMany beyond the limits."""
    _require(user, code=code)
    with transaction.atomic():
        _forget(user)
        accounts.record(user, "second_factor.off", user)


def renew(user: User, *, code: str) -> list[str]:
    """Return new recovery codes; the old ones open nothing any more. Raises as ``turn_off``."""
    _require(user, code=code)
    with transaction.atomic():
        accounts.record(user, "second_factor.renewed", user)
        return _new_codes(user)


def remove(person: User, *, actor: User | None) -> None:
    """Take the factor from somebody who lost app and codes; ``actor`` None is who has the terminal.

    Raises Forbidden for an account that is out of the actor's reach, NotFound when there is none.
    """
    if actor is not None and not rights.may_change_person(actor, person):
        raise Forbidden("Only a superuser changes accounts with powers of their own.")
    with transaction.atomic():
        if not _forget(person):
            raise NotFound("This person has no second factor.")
        accounts.record(actor, "second_factor.removed", person)


def accepts(user: User, code: str) -> bool:
    """Tell whether a code lets the person in, and use it up: none does so twice. Raises TooMany beyond the limits.

    Wrong codes are counted with wrong passwords, and by the hour, so that six figures cannot be guessed.
    """
    row = SecondFactor.objects.filter(user=user).exclude(confirmed_at=None).first()
    return row is not None and _counted(user, code=code, row=row)


def codes_left(user: User) -> int:
    """Return how many recovery codes were not used yet."""
    return RecoveryCode.objects.filter(user=user).count()


def _unconfirmed(user: User) -> SecondFactor:
    row = SecondFactor.objects.filter(user=user).first()
    if row is None:
        raise NotFound("Set the second factor up first.")
    if row.confirmed_at:
        raise Conflict("The second factor is on already.", code="second_factor_on")
    return row


def _setup(row: SecondFactor) -> Setup:
    address = pyotp.TOTP(row.secret).provisioning_uri(name=row.user.get_username(), issuer_name=ISSUER)
    return Setup(row.secret, address)


def _require(user: User, *, code: str, row: SecondFactor | None = None) -> None:
    if not (_counted(user, code=code, row=row) if row else accepts(user, code)):
        raise InvalidInput.of("code", "This code is not right, or it was used already.", code="code_wrong")


def _counted(user: User, *, code: str, row: SecondFactor) -> bool:
    asking = caller.current()
    try:
        limits.sign_in(user.get_username(), address=asking.address)
        limits.code(user)
    except TooMany:
        accounts.note(asking.person(), "code.limited", user)
        raise
    plain = "".join(code.split()).lower()
    if not (_is_of_app(plain, row=row) or _is_recovery(plain, user=user)):
        accounts.note(asking.person(), "code.wrong", user)
        return False
    limits.signed_in(user.get_username(), address=asking.address)
    limits.code_was_right(user)
    return True


def _is_of_app(code: str, *, row: SecondFactor) -> bool:
    """Tell whether an app shows these figures about now; of all who send the same code one is let in.

    The step of the last code that was used is kept, and only a later one counts (RFC 6238, section 5.2).
    """
    app, now = pyotp.TOTP(row.secret, interval=STEP), _step()
    for step in range(now - DRIFT, now + DRIFT + 1):
        if hmac.compare_digest(app.generate_otp(step).encode(), code.encode()):
            rows = SecondFactor.objects.filter(pk=row.pk, secret=row.secret, last_step__lt=step)
            return bool(rows.update(last_step=step))
    return False


def _step() -> int:
    return int(time.time()) // STEP


def _is_recovery(code: str, *, user: User) -> bool:
    """Use a recovery code up; deleting the row decides who of several is let in."""
    found = RecoveryCode.objects.filter(user=user, digest=accounts.digest(code.replace("-", "")))
    if not found.delete()[0]:
        return False
    accounts.record(user, "second_factor.recovered", user, left=codes_left(user))
    return True


def _new_codes(user: User) -> list[str]:
    """Make recovery codes of 112 random bits, written in groups: enough for a digest without salt (ASVS 6.5.2)."""
    RecoveryCode.objects.filter(user=user).delete()
    codes = [secrets.token_hex(14) for _ in range(RECOVERY_CODES)]
    RecoveryCode.objects.bulk_create(RecoveryCode(user=user, digest=accounts.digest(code)) for code in codes)
    return ["-".join(code[place : place + 7] for place in range(0, 28, 7)) for code in codes]


def _forget(user: User) -> bool:
    RecoveryCode.objects.filter(user=user).delete()
    return bool(SecondFactor.objects.filter(user=user).delete()[0])
