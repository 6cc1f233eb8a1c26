"""One partial HNSW index per encoder, of a kind: made beside the running searches, watched, repaired, dropped."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction
from psycopg.errors import DiskFull

from retrieval.errors import Conflict
from retrieval.models import Encoder, IndexKind
from retrieval.search.kinds import KINDS

logger = logging.getLogger(__name__)

# pgvector's defaults; a building list of 128 bought a quarter of a point of recall for half as much time again.
LINKS, BUILD_LIST = 16, 64
MEGABYTE = 2**20
LEAST_MEMORY = 64 * MEGABYTE

STATE = """
SELECT i.indisvalid AND i.indisready, greatest(c.reltuples, 0)::bigint, pg_relation_size(c.oid)
FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
WHERE c.oid = to_regclass(%s)
"""
# For each kind, how many rows its index has; null for one that is not there or not sound. Placeholders: their names.
ROWS = ", ".join(
    """
    (SELECT greatest(c.reltuples, 0)::bigint FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
     WHERE c.oid = to_regclass(%s) AND i.indisvalid AND i.indisready)
    """
    for _ in KINDS
)
# A key of its own for each index, so that two builders never work on the same one.
LOCK = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
UNLOCK = "SELECT pg_advisory_unlock(hashtextextended(%s, 0))"
CREATE = """
CREATE INDEX CONCURRENTLY {name} ON public.retrieval_embedding
USING hnsw ({column} {operators}) WITH (m = {links}, ef_construction = {build_list})
WHERE encoder_id = '{encoder}'
"""
PROGRESS = """
SELECT p.phase, p.tuples_done, p.tuples_total, p.blocks_done, p.blocks_total
FROM pg_stat_progress_create_index p
WHERE p.datname = current_database() AND p.relid = 'public.retrieval_embedding'::regclass
"""
# Half of what PostgreSQL is told that there is for caching: the embedded server follows the machine.
MOST_MEMORY = "SELECT pg_size_bytes(current_setting('effective_cache_size')) / 2"
ALL = "SELECT relname FROM pg_class WHERE relkind = 'i' AND relname LIKE ANY(%s)"
# An index is not valid either while it is built; what is being done on its table right now is nobody's leftover.
HALF_BUILT = """
SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace = 'public'::regnamespace AND NOT (i.indisvalid AND i.indisready)
AND NOT EXISTS (
    SELECT FROM pg_stat_progress_create_index p WHERE p.datname = current_database() AND p.relid = i.indrelid
) ORDER BY c.relname
"""


@dataclass(frozen=True)
class Index:
    """An index as the database has it; one that is not ``valid`` is half built and never used. ``size`` in bytes."""

    valid: bool
    rows: int
    size: int
    kind: IndexKind = IndexKind.HALVES


@dataclass(frozen=True)
class Progress:
    """How far a build is: its phase, and the done and all of what that phase counts."""

    phase: str
    done: int
    total: int


def name_of(encoder: Encoder, kind: IndexKind | None = None) -> str:
    """The name of the index of this kind, or of the one that is wanted; it fits PostgreSQL's 63 letters."""
    return KINDS[kind or IndexKind(encoder.index_kind)].prefix + encoder.pk.hex


def find(encoder: Encoder, kind: IndexKind | None = None) -> Index | None:
    """Return the encoder's index of this kind, or of the one that is wanted; None when there is none."""
    found = _one(STATE, f"public.{name_of(encoder, kind)}")
    return Index(found[0], found[1], found[2], kind or IndexKind(encoder.index_kind)) if found else None


def usable(encoder: Encoder) -> Index | None:
    """Return the index to search by: the wanted one or, until that is built, one of another kind; or None."""
    found = (find(encoder, kind) for kind in _preferred(encoder))
    return next((index for index in found if index is not None and index.valid), None)


def names_of(encoder: Encoder) -> tuple[str, ...]:
    """Return the values of the placeholders of ROWS."""
    return tuple(f"public.{name_of(encoder, kind)}" for kind in _preferred(encoder))


def first_usable(encoder: Encoder, rows: Sequence[int | None]) -> tuple[IndexKind, int] | None:
    """Return as ``usable`` the kind of an index, and its rows, from what ROWS gave."""
    there = ((kind, count) for kind, count in zip(_preferred(encoder), rows, strict=True) if count is not None)
    return next(there, None)


def needed(encoder: Encoder) -> set[str]:
    """Return the names of the indexes that the encoder needs: the wanted one, and what stands in for it."""
    index = usable(encoder)
    return {name_of(encoder), *([name_of(encoder, index.kind)] if index else [])}


def can_be_built(encoder: Encoder) -> bool:
    """Tell whether the wanted kind takes so many dimensions; else the encoder is searched exactly."""
    return encoder.dimension <= KINDS[IndexKind(encoder.index_kind)].most_dimensions


def statement(encoder: Encoder) -> str:
    """Return the statement that makes the index; its expression is the one searches are ordered by."""
    kind = KINDS[IndexKind(encoder.index_kind)]
    return CREATE.format(
        name=name_of(encoder), encoder=encoder.pk, column=kind.column(encoder), operators=kind.operators,
        links=LINKS, build_list=BUILD_LIST,
    )  # fmt: skip


def build(encoder: Encoder, *, rows: int) -> None:
    """Make the index while searches and uploads go on; what a killed build left is removed first.

    ``rows`` sizes the memory. Does nothing when a valid one is there. Raises Conflict (code index_building) when
    another builder is at it.
    """
    _outside_transactions()
    with _alone(encoder), _memory(rows, encoder):
        index = find(encoder)
        if index is not None and not index.valid:
            drop_named(name_of(encoder))
        if index is None or not index.valid:
            _run_on_all_cores(statement(encoder), leaves=name_of(encoder))


def rebuild(encoder: Encoder, *, rows: int) -> None:
    """Build the index anew beside the old one: after many deletions that is cheaper than vacuuming it."""
    _outside_transactions()
    with _alone(encoder), _memory(rows, encoder):
        name = name_of(encoder)
        _run_on_all_cores(f"REINDEX INDEX CONCURRENTLY public.{name}", leaves=f"{name}_ccnew")


def drop(encoder_id: UUID) -> None:
    """Remove the indexes of an encoder, whether or not the encoder is still there."""
    for kind in KINDS.values():
        drop_named(kind.prefix + encoder_id.hex)


def drop_named(name: str) -> None:
    """Remove an index by its name, without holding up searches; inside a transaction they wait for its end."""
    how = "" if connection.in_atomic_block else "CONCURRENTLY "
    _run(f'DROP INDEX {how}IF EXISTS public."{name}"')


def is_building(encoder: Encoder) -> bool:
    """Tell whether a builder is at work on this index now."""
    name = name_of(encoder)
    free = bool((_one(LOCK, name) or (False,))[0])
    if free:
        _one(UNLOCK, name)
    return not free


def names() -> list[str]:
    """Return the names of all indexes of vectors, those of half-done rebuilds included."""
    with connection.cursor() as cursor:
        cursor.execute(ALL, [[kind.prefix.replace("_", r"\_") + "%" for kind in KINDS.values()]])
        return [row[0] for row in cursor.fetchall()]


def half_built() -> list[str]:
    """Return the names of all indexes of the schema, of any kind and table, that no search uses and nobody builds."""
    with connection.cursor() as cursor:
        cursor.execute(HALF_BUILT)
        return [row[0] for row in cursor.fetchall()]


def finish(name: str) -> None:
    """Build a half-built index anew from its definition, without holding up searches where no transaction is open."""
    how = "" if connection.in_atomic_block else "CONCURRENTLY "
    _run(f'REINDEX INDEX {how}public."{name}"')


def progress() -> Progress | None:
    """Return how far the running build is, or None when none runs. To be asked from another connection."""
    found = _one(PROGRESS)
    if found is None:
        return None
    phase, tuples, all_tuples, blocks, all_blocks = found
    return Progress(phase, tuples, all_tuples) if all_tuples else Progress(phase, blocks, all_blocks)


def memory(rows: int, encoder: Encoder, *, most: int) -> int:
    """Bytes the graph of so many rows needs while it is built: what is indexed, twice for room, and its links."""
    each = KINDS[IndexKind(encoder.index_kind)].bytes_each * encoder.dimension
    return min(most, max(LEAST_MEMORY, round(rows * (each + 800))))


def _preferred(encoder: Encoder) -> list[IndexKind]:
    """All kinds, the wanted one first."""
    return sorted(KINDS, key=lambda kind: kind != encoder.index_kind)


@contextmanager
def _alone(encoder: Encoder) -> Iterator[None]:
    name = name_of(encoder)
    if not (_one(LOCK, name) or (False,))[0]:
        raise Conflict("The index is being built already.", code="index_building")
    try:
        yield
    finally:
        _one(UNLOCK, name)


@contextmanager
def _memory(rows: int, encoder: Encoder) -> Iterator[None]:
    most = int((_one(MOST_MEMORY) or (0,))[0])
    _run(f"SET maintenance_work_mem = '{memory(rows, encoder, most=most) // 1024}kB'")
    try:
        yield
    finally:
        _run("RESET maintenance_work_mem")


def _run_on_all_cores(statement: str, *, leaves: str) -> None:
    """Run a build by as many processes as the server's settings say, or by one where there is too little shared memory.

    All of a parallel build's memory is shared, and containers seldom give much. ``leaves``: the half-built index that a
    failure leaves behind.
    """
    try:
        _run(statement)
    except OperationalError as error:
        if not isinstance(error.__cause__, DiskFull) or "shared memory" not in str(error):
            raise
        logger.warning("There is too little shared memory to build an index by several processes: one goes on alone.")
        drop_named(leaves)
        _run("SET max_parallel_maintenance_workers = 0")
        try:
            _run(statement)
        finally:
            _run("RESET max_parallel_maintenance_workers")


def _outside_transactions() -> None:
    """CREATE INDEX CONCURRENTLY waits for every open transaction, its own included."""
    if connection.in_atomic_block:
        raise transaction.TransactionManagementError("an index is built outside transactions")


def _run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _one(statement: str, *values: str) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        found: tuple[Any, ...] | None = cursor.fetchone()
        return found
