"""Between the password and the code of the second factor: who a browser is about to be, for some minutes."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model

from retrieval.services.people.accounts import digest

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import HttpRequest

KEY = "half_way"
GOOD_FOR = 600  # seconds


@dataclass(frozen=True)
class HalfWay:
    """Whom the right password, or link, was of; where to go afterwards, and whether a new password may be chosen."""

    person: int
    password: str
    until: float
    goal: str
    may_choose: bool


def begin(request: HttpRequest, user: User, *, goal: str, may_choose: bool = False) -> None:
    """Keep it in the browser's session, under a key that nobody knew before."""
    request.session.cycle_key()
    step = HalfWay(user.pk, digest(user.password), time.time() + GOOD_FOR, goal, may_choose)
    request.session[KEY] = asdict(step)


def who(request: HttpRequest) -> tuple[User, HalfWay] | None:
    """Return who it is, or None where nobody is half way in, took too long, or has another password by now."""
    kept = request.session.get(KEY)
    if not kept or (step := HalfWay(**kept)).until < time.time():
        return None
    user = get_user_model().objects.filter(pk=step.person, is_active=True).first()
    return (user, step) if user and digest(user.password) == step.password else None


def end(request: HttpRequest) -> None:
    """Forget it."""
    request.session.pop(KEY, None)
