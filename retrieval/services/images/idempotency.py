"""Keys that a client sends with an upload, so that asking twice after a broken connection makes one picture."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import connection
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


@contextmanager
def alone(key: Key, *, user: User) -> Iterator[None]:
    """Let no other request with this person's key run beside this one; it waits, and then finds what this one made.

    Raises InvalidInput for a key that cannot be kept.
    """
    if not (key.text.isascii() and key.text.isprintable() and len(key.text) <= LENGTH):
        raise InvalidInput.of("Idempotency-Key", f"At most {LENGTH} printable ASCII characters.")
    number = int.from_bytes(hashlib.sha256(f"{user.pk} {key.text}".encode()).digest()[:8], signed=True)
    # Of the connection and not of a transaction: fetching and decoding take seconds, and none is open meanwhile.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [number])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [number])


def recall(key: Key, *, user: User) -> UUID | None:
    """Return the picture that this person's key made, or None when it has made none yet.

    Raises Conflict for a key that was sent with another request.
    """
    row = IdempotencyKey.objects.filter(user=user, key=key.text).exclude(image_id=None).first()
    if row is None:
        return None
    if row.fingerprint != key.fingerprint:
        raise Conflict("This Idempotency-Key came with another request.", code="idempotency_key_reused")
    return row.image_id


def remember(key: Key, *, user: User, image_id: UUID) -> None:
    """Keep the key with the picture that it made; one whose request was refused is never kept, so that it is free."""
    made = {"fingerprint": key.fingerprint, "image_id": image_id}
    IdempotencyKey.objects.update_or_create(user=user, key=key.text, defaults=made)


def forget_old() -> int:
    """Drop the keys older than a week; return how many."""
    return IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEEP).delete()[0]
