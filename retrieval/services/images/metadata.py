"""What is said of the pictures of a collection, taken in from a table: tried first where asked, taken back as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from retrieval.models import BulkAct, Collection, Role
from retrieval.services.images import collections, metadata_rows
from retrieval.services.images.metadata_rows import Counts, Named
from retrieval.services.images.metadata_table import Refusal, Row
from retrieval.services.people import accounts, rights

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MOST_SHOWN = 1_000  # of what was refused, and of what is not known
NAME_SHOWN = 200
AMBIGUOUS, REPEATED = "ambiguous_name", "named_twice"


@dataclass(frozen=True)
class Imported:
    """How many pictures were (or would be) changed, and how many are so already; which rows were left out.

    ``unknown`` rows name no picture of the collection. ``undo`` is the token that takes it back; None where nothing
    was changed, or only tried.
    """

    changed: int
    unchanged: int
    unknown: int
    unknown_rows: Sequence[Named]
    refused: Sequence[Refusal]
    refused_count: int
    undo: UUID | None = None


@dataclass
class _Sorted:
    """Rows as they are read: those refused by themselves are kept aside, and which columns the others write."""

    rows: Iterable[Row | Refusal]
    refused: list[Refusal] = field(default_factory=list)
    refused_count: int = 0
    columns: dict[str, None] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Row]:
        for row in self.rows:
            if isinstance(row, Row):
                self.columns |= dict.fromkeys(row.columns)
                yield row
                continue
            self.refused_count += 1
            if len(self.refused) < MOST_SHOWN:
                self.refused.append(row)


def take_in(rows: Iterable[Row | Refusal], *, collection: Collection, user: User, dry_run: bool = False) -> Imported:
    """Write what rows say of pictures of the collection, all in one commit; a contributor may.

    Each statement is for all rows. A row that names several pictures, or one that a row before names, is refused. With
    ``dry_run`` nothing is written. Raises NotFound, Forbidden, and what reading the table raises.
    """
    rights.require_role(collection, user=user, role=Role.CONTRIBUTOR)
    read = _Sorted(rows)
    with transaction.atomic():
        metadata_rows.fill(read)
        collections.acting(collection.pk, user=user)  # reading took a while
        counts = metadata_rows.match(collection.pk)
        columns, undo = list(read.columns), None
        if dry_run:
            changed = metadata_rows.differing(collection.pk, columns=columns)
        else:
            changed, undo = _write(collection, user=user, columns=columns)
        found = _told(read, counts, changed=changed, undo=undo)
        if changed and not dry_run:
            _record(found, collection, user=user, columns=columns)
    return found


def _write(collection: Collection, *, user: User, columns: list[str]) -> tuple[int, UUID | None]:
    """Write what differs; return how many pictures that were and the act, which is kept only where there were some."""
    act = BulkAct.objects.create(user=user, at=timezone.now(), columns=columns)
    changed = metadata_rows.take(act, collection.pk)
    if not changed:
        act.delete()
        return 0, None
    metadata_rows.write(act)
    return changed, act.pk


def _told(read: _Sorted, counts: Counts, *, changed: int, undo: UUID | None) -> Imported:
    refused = [*read.refused, *map(_ambiguous, metadata_rows.ambiguous(MOST_SHOWN)),
               *map(_repeated, metadata_rows.repeated(MOST_SHOWN))]  # fmt: skip
    return Imported(
        changed=changed,
        unchanged=counts.matched - changed,
        unknown=counts.unknown,
        unknown_rows=metadata_rows.unknown(MOST_SHOWN),
        refused=sorted(refused, key=lambda each: each.row)[:MOST_SHOWN],
        refused_count=read.refused_count + counts.ambiguous + counts.repeated,
        undo=undo,
    )


def _ambiguous(row: Named) -> Refusal:
    return Refusal(row.row, AMBIGUOUS, f"{row.found} pictures here are {row.name[:NAME_SHOWN]!r}; give the id.")


def _repeated(row: Named) -> Refusal:
    return Refusal(row.row, REPEATED, f"A row before is about {row.name[:NAME_SHOWN]!r} already.")


def _record(found: Imported, collection: Collection, *, user: User, columns: list[str]) -> None:
    said = {"count": found.changed, "unknown": found.unknown, "refused": found.refused_count, "columns": columns}
    accounts.record(user, "metadata.imported", collection, **said, act=str(found.undo))
