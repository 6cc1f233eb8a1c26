"""Errors that nobody expected, as the sentence that a row keeps: a full disk, no memory, a database that is away."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import InterfaceError, OperationalError

from retrieval.errors import NO_ROOM, RetrievalError, StorageFull

# Of PostgreSQL's codes: no connection, going down or coming up, a deadlock, no connection left. These pass.
PASSING = ("08", "57P", "40", "533")
DISK_FULL = "53100"
LONGEST = 1000


def is_database_away(error: Exception) -> bool:
    """Tell whether the same work may well succeed once the database is back."""
    state = _sqlstate(error)
    return isinstance(error, OperationalError | InterfaceError) and (not state or state.startswith(PASSING))


def reason(error: Exception) -> RetrievalError:
    """Return the error that says what went wrong, in words for people where it is a full disk or too little memory."""
    chain = list(_chain(error))
    full = any(isinstance(each, OSError) and each.errno in NO_ROOM for each in chain)
    if full or _sqlstate(error) == DISK_FULL:
        return StorageFull("The disk is full; nothing was kept.")
    if any(isinstance(each, MemoryError) for each in chain):
        return RetrievalError("There was too little memory for this.", code="memory_full")
    said = f"{type(error).__name__}: {error}".replace("\0", "")
    return RetrievalError(said[:LONGEST], code="unexpected")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it came of: torch, for one, hides a full disk behind an error of its own."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _sqlstate(error: Exception) -> str:
    return getattr(error.__cause__, "sqlstate", None) or ""
