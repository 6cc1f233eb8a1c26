"""The one-time sign-in link for the person who runs the site: issued on the terminal, good for one use."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from retrieval.models import FirstLink
from retrieval.services.accounts import digest, record

if TYPE_CHECKING:
    from django.contrib.auth.models import User

ADMIN = "admin"
GOOD_FOR = timedelta(hours=12)


def prepare_admin(password: str = "") -> User:
    """Return the administrator; on the first start make it, with this password or one that nobody knows.

    A site that has a superuser already is left alone: the password counts only once.
    """
    users = get_user_model().objects
    found = users.filter(is_superuser=True, is_active=True).order_by("pk").first()
    return found or users.create_superuser(ADMIN, password=password or secrets.token_urlsafe(32))


def issue(user: User) -> str:
    """Make a link for the user and return its token, which is never to be seen again; links before it end.

    Commits one row; only a digest of the token is kept.
    """
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        FirstLink.objects.filter(user=user).delete()
        FirstLink.objects.create(user=user, digest=digest(token), expires_at=timezone.now() + GOOD_FOR)
    return token


def redeem(token: str) -> User | None:
    """Return whom the link signs in, and use it up; None when it is unknown, used or too old.

    The update decides, so of two who come at once one gets in.
    """
    now = timezone.now()
    good = FirstLink.objects.filter(digest=digest(token), used_at=None, expires_at__gt=now, user__is_active=True)
    with transaction.atomic():
        if not good.update(used_at=now):
            return None
        link = FirstLink.objects.select_related("user").get(digest=digest(token))
        record(link.user, "first_link.redeemed", link.user)
    return link.user
