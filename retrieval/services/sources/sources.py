"""Sources as people have them: made, changed, read at once and removed by the managers of a collection."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from retrieval.errors import InvalidInput, NotFound
from retrieval.models import Collection, Role, Source, SourceFile, SourceKind
from retrieval.models.bounds import SOURCE_NAME_LENGTH, SOURCE_PASSWORD_LENGTH, URL_LENGTH, USERNAME_LENGTH
from retrieval.models.sources import LEAST_MINUTES, MOST_DAYS, MOST_MINUTES
from retrieval.services.images import collections
from retrieval.services.people import accounts, limits, rights
from retrieval.services.sources import folders, snapshots

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import QuerySet

MOST_OF_COLLECTION, MOST_OF_PERSON = 50, 100
LENGTHS = {"name": SOURCE_NAME_LENGTH, "place": URL_LENGTH, "username": USERNAME_LENGTH,
           "password": SOURCE_PASSWORD_LENGTH}  # fmt: skip
# Who writes one of these answers for what is read from then on.
VOUCHED = {"place", "username", "password"}


@dataclass(frozen=True)
class SourceRequest:
    """What is to be read, how often, and for how many days what comes in is kept (None: for ever)."""

    name: str
    kind: str
    place: str
    username: str = ""
    password: str = ""
    every_minutes: int = 60
    keep_days: int | None = None
    active: bool = True


def listing(collection: Collection, *, user: User) -> QuerySet[Source]:
    """Return the sources of a collection, newest first; a manager may. Raises NotFound, Forbidden."""
    rights.require_role(collection, user=user, role=Role.MANAGER)
    return Source.objects.filter(collection=collection).select_related("user").order_by("-created_at", "-id")


def get(source_id: UUID, *, collection: Collection, user: User) -> Source:
    """Return one of them. Raises NotFound, Forbidden."""
    found = listing(collection, user=user).filter(pk=source_id).first()
    if found is None:
        raise NotFound("There is no such source.")
    return found


def make(collection: Collection, *, user: User, wanted: SourceRequest) -> Source:
    """Have something read from now on; the edge wakes a worker. A manager may, a folder takes a right of staff.

    Raises NotFound, Forbidden, and InvalidInput naming the field.
    """
    rights.require_role(collection, user=user, role=Role.MANAGER)
    fields = _checked(wanted, user=user)
    with transaction.atomic():
        row = collections.changing(collection.pk, user=user, role=Role.MANAGER)
        _require_room(row, user=user)
        source = Source.objects.create(collection=row, user=user, **fields)
        accounts.record(user, "source.made", source, **_told(source))
    return source


def change(source_id: UUID, changes: Mapping[str, Any], *, collection: Collection, user: User) -> Source:
    """Change fields of ``SourceRequest`` but the kind; the rest stays. A manager may.

    Who sets the place or the password, or switches it on, answers for it from then on: the pictures count as theirs,
    and of a folder that takes the right of staff. A password goes to no other server: with one it has to be given
    again. Raises as ``make``.
    """
    rights.require_role(collection, user=user, role=Role.MANAGER)
    with transaction.atomic():
        row = collections.changing(collection.pk, user=user, role=Role.MANAGER)
        source = Source.objects.select_for_update(no_key=True).filter(pk=source_id, collection=row).first()
        if source is None:
            raise NotFound("There is no such source.")
        before = request_of(source)
        wanted = _without_stray_password(replace(before, **changes), before, given=changes)
        written = {name: value for name, value in _fields(wanted).items() if getattr(before, name) != value}
        if written.keys() & VOUCHED or written.get("active"):
            _check_place(wanted, user=user)
            source.user = user
        if "place" in written:
            SourceFile.objects.filter(source=source).delete()
        _write(source, written)
        accounts.record(user, "source.changed", source, what=sorted(written), **_told(source))
    return source


def read_now(source_id: UUID, *, collection: Collection, user: User) -> Source:
    """Have a source read at once, be it paused; the edge wakes a worker. A manager may. Raises TooMany as well."""
    source = get(source_id, collection=collection, user=user)
    limits.fetch(user)
    Source.objects.filter(pk=source.pk).update(asked=True, due_at=timezone.now())
    return get(source_id, collection=collection, user=user)


def remove(source_id: UUID, *, collection: Collection, user: User) -> None:
    """Have it read no more; its pictures stay, and no time of it ends them. A manager may. Raises NotFound."""
    with transaction.atomic():
        row = collections.changing(collection.pk, user=user, role=Role.MANAGER)
        source = Source.objects.select_for_update().filter(pk=source_id, collection=row).first()
        if source is None:
            raise NotFound("There is no such source.")
        accounts.record(user, "source.removed", source, taken=source.taken, **_told(source))
        source.delete()


def request_of(source: Source) -> SourceRequest:
    """Return what was asked for."""
    return SourceRequest(**{name: getattr(source, name) for name in SourceRequest.__dataclass_fields__})


def _write(source: Source, written: Mapping[str, Any]) -> None:
    """Write the fields; it is due anew, and a reading that goes on by the old ones keeps nothing more."""
    for name, value in written.items():
        setattr(source, name, value)
    source.due_at, source.failures, source.error_code, source.error_text = timezone.now(), 0, "", ""
    if source.lease_token:
        source.lease_token = uuid.uuid4()
    known = ("user", "due_at", "failures", "error_code", "error_text", "lease_token")
    source.save(update_fields=[*written, *known])


def _checked(wanted: SourceRequest, *, user: User) -> dict[str, Any]:
    fields = _fields(wanted)
    _check_place(wanted, user=user)
    return fields


def _fields(wanted: SourceRequest) -> dict[str, Any]:
    """Return the columns, or raise InvalidInput naming the first that is wrong."""
    fields = asdict(wanted)
    for name, most in LENGTHS.items():
        fields[name] = fields[name] if name == "password" else fields[name].strip()
        if len(fields[name]) > most or "\x00" in fields[name]:
            raise InvalidInput.of(name, f"At most {most} characters, without null characters.")
    if not fields["name"]:
        raise InvalidInput.of("name", "A source needs a name; pictures of a camera are titled with it.")
    if wanted.kind not in SourceKind.values:
        raise InvalidInput.of("kind", f"The kind is one of {', '.join(SourceKind.values)}.")
    if not LEAST_MINUTES <= wanted.every_minutes <= MOST_MINUTES:
        raise InvalidInput.of("every_minutes", f"Every {LEAST_MINUTES} to {MOST_MINUTES} minutes.")
    if wanted.keep_days is not None and not 1 <= wanted.keep_days <= MOST_DAYS:
        raise InvalidInput.of("keep_days", f"For 1 to {MOST_DAYS} days, or for ever.")
    if wanted.kind == SourceKind.FOLDER and (wanted.username or wanted.password):
        raise InvalidInput.of("username", "A folder takes neither name nor password.")
    return fields


def _check_place(wanted: SourceRequest, *, user: User) -> None:
    """Raise unless this person may have the place read. Nothing is told of a folder before the right is known."""
    if wanted.kind == SourceKind.ADDRESS:
        snapshots.check(wanted.place.strip())
        return
    rights.require(user, rights.Right.SOURCE_FOLDERS, to="have folders of the server read")
    folders.permitted(wanted.place.strip())


def _without_stray_password(wanted: SourceRequest, before: SourceRequest, *, given: Mapping[str, Any]) -> SourceRequest:
    """Drop a password that was given for another server: whoever sets the place has not seen it."""
    if wanted.kind == SourceKind.FOLDER or snapshots.server(wanted.place) == snapshots.server(before.place):
        return wanted
    return replace(wanted, username=given.get("username", ""), password=given.get("password", ""))


def _require_room(collection: Collection, *, user: User) -> None:
    """The caller has locked the collection, so that two do not both take its last place."""
    if Source.objects.filter(collection=collection).count() >= MOST_OF_COLLECTION:
        raise InvalidInput.of("name", f"The collection has {MOST_OF_COLLECTION} sources already; remove one first.")
    if Source.objects.filter(user=user).count() >= MOST_OF_PERSON:
        raise InvalidInput.of("name", f"You have {MOST_OF_PERSON} sources already; remove one first.")


def _told(source: Source) -> dict[str, str]:
    """Return what the trail says of it: no name or password, and nothing of an address that may be one."""
    place = source.place if source.kind == SourceKind.FOLDER else snapshots.told(source.place)
    return {"collection": str(source.collection_id), "kind": source.kind, "place": place}
