"""Tokens that open the API, and the trail of who did what, when and from where."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Model, Q
from django.utils import timezone

from retrieval import caller, conf
from retrieval.errors import Forbidden, InvalidInput, NotFound
from retrieval.models import ApiToken, AuditEvent, NewAddress, ShareLink
from retrieval.services.people import limits

if TYPE_CHECKING:
    from uuid import UUID

    from django.contrib.auth.models import User
    from django.db.models import QuerySet

    from retrieval.models.collections import Viewer

LAST_USED_STEP = timedelta(minutes=5)
TOKENS_PER_USER = 50
ADDRESS_LENGTH = 45
# Lines a minute that strangers can bring into the trail: from one address, and from all together.
NOTES_PER_ADDRESS, NOTES_IN_ALL = 30, 300
HELD_BACK = "trail.held_back"
# What anybody can cause at will, and what says when a person was here: it goes when its time is over.
PASSING = ("sign_in", "password.wrong", "password.limited", "code.wrong", "code.limited", "first_link.refused",
           "provider.refused", "password.forgotten", "first_link.mailed", "letter.given_up", "token.refused",
           "right.refused", "share_link.opened", "share_link.refused", "share_link.downloaded", "image.viewed",
           "image.downloaded", HELD_BACK)  # fmt: skip


def digest(secret: str) -> str:
    """Return the SHA-256 of a secret in hex; secrets are long and random, so no salt or stretching is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def issue_token(user: User, *, name: str = "", scope: str = "write") -> tuple[str, ApiToken]:
    """Make a token for the user and return its secret, which is never to be seen again, and its row.

    It opens something for as long as the password stays what it is in ``user``: one that was made with the old password
    while that was being changed is useless from the beginning. Commits. Raises InvalidInput for an unknown scope or
    when the user has too many tokens.
    """
    if scope not in ApiToken.Scope.values:
        raise InvalidInput.of("scope", f"The scope is one of {', '.join(ApiToken.Scope.values)}.")
    now, secret = timezone.now(), secrets.token_urlsafe(32)
    with transaction.atomic():
        _require_room(user)
        row = ApiToken.objects.create(
            user=user,
            name=name[:100],
            digest=digest(secret),
            password=digest(user.password),
            scope=scope,
            expires_at=now + timedelta(days=conf.get().token_days),
        )
        record(user, "token.issued", row, scope=scope)
    return secret, row


def _require_room(user: User) -> None:
    """Forget what opens nothing any more, then raise InvalidInput when the rest is as many as one may have.

    Whoever makes tokens for the same person waits until the transaction ends: what is counted stays as it is.
    """
    get_user_model().objects.select_for_update(no_key=True).get(pk=user.pk)
    ApiToken.objects.filter(user=user).exclude(_living(user)).delete()
    if ApiToken.objects.filter(user=user).count() >= TOKENS_PER_USER:
        raise InvalidInput.of("name", f"You have {TOKENS_PER_USER} tokens already; revoke one first.")


def user_of_token(secret: str) -> ApiToken | None:
    """Return the living token with this secret, its user loaded, or None; a changed password ends it.

    The time of last use is written at most every five minutes, so that reading stays reading.
    """
    now = timezone.now()
    living = ApiToken.objects.filter(digest=digest(secret), expires_at__gt=now, user__is_active=True)
    row = next(iter(living.select_related("user").order_by()), None)  # there is one with a digest: nothing to sort
    if row is None or row.password != digest(row.user.password):
        return None
    if row.last_used_at is None or now - row.last_used_at > LAST_USED_STEP:
        ApiToken.objects.filter(pk=row.pk).update(last_used_at=now)
    return row


def require_active(user: Viewer) -> None:
    """Ask the database whether the account is still open: work goes on longer than a request. Raises Forbidden."""
    if not get_user_model().objects.filter(pk=user.pk or 0, is_active=True).exists():
        raise Forbidden("The account is closed.", code="account_closed")


def tokens_of(user: User) -> QuerySet[ApiToken]:
    """Return the user's tokens that still open something, newest first."""
    return ApiToken.objects.filter(_living(user), user=user)


def revoke_token(token_id: UUID, *, user: User) -> None:
    """Make one of the user's tokens useless at once. Raises NotFound for anybody else's."""
    with transaction.atomic():
        row = ApiToken.objects.select_for_update().filter(pk=token_id, user=user).first()
        if row is None:
            raise NotFound("There is no such token.")
        record(user, "token.revoked", row)
        row.delete()


def revoke_tokens(user: User) -> int:
    """Make all of the user's tokens useless at once; return how many there were. Commits."""
    with transaction.atomic():
        count = ApiToken.objects.filter(user=user).delete()[0]
        record(user, "tokens.revoked", user, count=count)
    return count


def record(actor: User | None, action: str, obj: Model | None = None, **detail: Any) -> None:
    """Add one line to the audit trail, with the caller's address, in the caller's transaction."""
    AuditEvent.objects.create(
        actor=actor,
        address=caller.current().address[:ADDRESS_LENGTH],
        action=action,
        kind=(obj._meta.model_name or "") if obj else "",
        object_id=str(obj.pk) if obj else "",
        detail=detail,
    )


def note(actor: User | None, action: str, obj: Model | None = None, **detail: Any) -> None:
    """Add a line for what anybody can cause at will: so many a minute, then one more that says that some are missing.

    So an attack is seen, and neither fills the disk nor hides the lines that ``record`` writes.
    """
    here = limits.place(caller.current().address)
    for key, most in ((here, NOTES_PER_ADDRESS), ("everybody", NOTES_IN_ALL)):
        count = limits.nth("trail", key=key)
        if count == most + 1:
            record(None, HELD_BACK)
        if count > most:
            return
    record(actor, action, obj, **detail)


def forget_old() -> int:
    """Take addresses, and the lines of passing things, out of the trail once their time is over; return how many.

    Share links that are over for as long go as well, and addresses of mail that nobody confirmed in time.
    """
    NewAddress.objects.filter(expires_at__lt=timezone.now()).delete()
    before = timezone.now() - timedelta(days=conf.get().trail_days)
    ShareLink.objects.filter(Q(ended_at__lt=before) | Q(expires_at__lt=before)).delete()
    old = AuditEvent.objects.filter(at__lt=before)
    return old.filter(action__in=PASSING).delete()[0] + old.exclude(address="").update(address="")


def _living(user: User) -> Q:
    return Q(expires_at__gt=timezone.now(), password=digest(user.password))
