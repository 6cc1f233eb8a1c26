"""Tokens that open the API, and the trail of who did what."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from retrieval import conf
from retrieval.errors import Forbidden, InvalidInput, NotFound
from retrieval.models import ApiToken, AuditEvent

if TYPE_CHECKING:
    from uuid import UUID

    from django.contrib.auth.models import User
    from django.db.models import QuerySet

    from retrieval.models.collections import Person

LAST_USED_STEP = timedelta(minutes=5)
TOKENS_PER_USER = 50


def digest(secret: str) -> str:
    """Return the SHA-256 of a secret in hex; secrets are long and random, so no salt or stretching is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def issue_token(user: User, *, name: str = "", scope: str = "write") -> tuple[str, ApiToken]:
    """Make a token for the user and return its secret, which is never to be seen again, and its row.

    Raises InvalidInput for an unknown scope or when the user has too many tokens.
    """
    if scope not in ApiToken.Scope.values:
        raise InvalidInput.of("scope", f"The scope is one of {', '.join(ApiToken.Scope.values)}.")
    now, secret = timezone.now(), secrets.token_urlsafe(32)
    with transaction.atomic():
        _require_room(user, now=now)
        row = ApiToken.objects.create(
            user=user,
            name=name[:100],
            digest=digest(secret),
            scope=scope,
            expires_at=now + timedelta(days=conf.get().token_days),
        )
        record(user, "token.issued", row, scope=scope)
    return secret, row


def _require_room(user: User, *, now: datetime) -> None:
    """Forget what has ended, then raise InvalidInput when the rest is as many as one may have.

    Whoever makes tokens for the same person waits until the transaction ends: what is counted stays as it is.
    """
    get_user_model().objects.select_for_update(no_key=True).get(pk=user.pk)
    ApiToken.objects.filter(user=user, expires_at__lte=now).delete()
    if ApiToken.objects.filter(user=user).count() >= TOKENS_PER_USER:
        raise InvalidInput.of("name", f"You have {TOKENS_PER_USER} tokens already; revoke one first.")


def user_of_token(secret: str) -> ApiToken | None:
    """Return the living token with this secret, its user loaded, or None.

    The time of last use is written at most every five minutes, so that reading stays reading.
    """
    now = timezone.now()
    row = (
        ApiToken.objects.select_related("user")
        .filter(digest=digest(secret), expires_at__gt=now, user__is_active=True)
        .first()
    )
    if row and (row.last_used_at is None or now - row.last_used_at > LAST_USED_STEP):
        ApiToken.objects.filter(pk=row.pk).update(last_used_at=now)
    return row


def require_active(user: Person | Any) -> None:
    """Ask the database whether the account is still open: work goes on longer than a request. Raises Forbidden."""
    if not get_user_model().objects.filter(pk=user.pk or 0, is_active=True).exists():
        raise Forbidden("The account is closed.", code="account_closed")


def tokens_of(user: User) -> QuerySet[ApiToken]:
    """Return the user's tokens that still open something, newest first."""
    return ApiToken.objects.filter(user=user, expires_at__gt=timezone.now())


def revoke_token(token_id: UUID, *, user: User) -> None:
    """Make one of the user's tokens useless at once. Raises NotFound for anybody else's."""
    with transaction.atomic():
        row = ApiToken.objects.select_for_update().filter(pk=token_id, user=user).first()
        if row is None:
            raise NotFound("There is no such token.")
        record(user, "token.revoked", row)
        row.delete()


def record(actor: User | None, action: str, obj: Model, **detail: Any) -> None:
    """Add one line to the audit trail, in the caller's transaction."""
    AuditEvent.objects.create(
        actor=actor, action=action, kind=obj._meta.model_name or "", object_id=str(obj.pk), detail=detail
    )
