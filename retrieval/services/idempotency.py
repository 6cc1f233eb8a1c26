"""Keys that a client sends with an upload, so that asking twice after a broken connection makes one picture."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.utils import timezone

from retrieval.errors import Conflict, InvalidInput
from retrieval.models import IdempotencyKey

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KEEP = timedelta(days=7)
LENGTH = 200


@dataclass(frozen=True)
class Key:
    """What the client calls the request, and the digest (hex) of everything in it."""

    text: str
    fingerprint: str


def recall(key: Key, *, user: User) -> UUID | None:
    """Return the picture that this person's key led to, or None when the request is new or was never finished.

    The key is kept at once: the upload itself recognises its bytes, so an unfinished one may simply run again.
    Raises InvalidInput for a key that cannot be kept, Conflict for one that was sent with another request.
    """
    if not (key.text.isascii() and key.text.isprintable() and len(key.text) <= LENGTH):
        raise InvalidInput.of("Idempotency-Key", f"At most {LENGTH} printable ASCII characters.")
    row, _ = IdempotencyKey.objects.get_or_create(
        user=user, key=key.text, defaults={"fingerprint": key.fingerprint}
    )
    if row.fingerprint != key.fingerprint:
        raise Conflict("This Idempotency-Key came with another request.", code="idempotency_key_reused")
    return row.image_id


def remember(key: Key, *, user: User, image_id: UUID) -> None:
    """Write down which picture the request made."""
    IdempotencyKey.objects.filter(user=user, key=key.text).update(image_id=image_id)


def forget_old() -> int:
    """Drop the keys older than a week; return how many."""
    return IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEEP).delete()[0]
