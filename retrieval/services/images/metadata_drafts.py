"""Tables that were tried and are not taken in yet, kept aside so that nobody has to send one twice."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from uuid import UUID

from retrieval import conf
from retrieval.errors import NotFound
from retrieval.ingest import files

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def keep(file: BinaryIO, *, user: User) -> UUID:
    """Keep a table for this person and return its token; the sweep of what uploads leave takes it away in half an hour.

    Raises TooLarge and StorageFull.
    """
    token = uuid.uuid4()
    files.receive(file, _path(token, user), most=conf.get().limits.table_bytes)
    return token


def read(token: UUID, *, user: User) -> bytes:
    """Return a table that this person sent. Raises NotFound (``file_missing``) when it is not kept any more."""
    try:
        return _path(token, user).read_bytes()
    except FileNotFoundError:
        raise NotFound("The table is not kept any more; choose it again.", code="file_missing") from None


def forget(token: UUID, *, user: User) -> None:
    """Take a table away."""
    _path(token, user).unlink(missing_ok=True)


def _path(token: UUID, user: User) -> Path:
    return conf.get().incoming / f"{token.hex}-{user.pk}.table"
