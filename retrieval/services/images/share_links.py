"""Links by which anybody who holds one looks at one collection: made, listed and ended by its managers.

A link shows what its maker may share at that moment: nothing once the collection is deleted, its maker is no manager of
it any more, or the account of maker or owner is closed.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.core import signing
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from retrieval import caller
from retrieval.errors import InvalidInput, LinkOver, NotFound
from retrieval.models import Collection, Image, Role, ShareLink
from retrieval.models.bounds import LINK_NAME_LENGTH, LINK_PASSWORD_LENGTH
from retrieval.services.images import collections
from retrieval.services.people import accounts, limits, passwords, rights

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import QuerySet

    from retrieval.models.images import ImageQuerySet

USUAL, LONGEST = timedelta(days=30), timedelta(days=365)
MOST_OPEN = 100  # of one collection
SHORTEST_PASSWORD = 8
# From one address, what comes within this time is one visit.
VISIT_SECONDS = 3600
PROVEN_FOR = timedelta(hours=12)
SALT = "retrieval.share_link"
OVER = "This link shows nothing any more."


@dataclass(frozen=True)
class LinkRequest:
    """What a link is to be like: ``name`` tells it from others, without ``expires_at`` it is good for 30 days."""

    name: str = ""
    expires_at: datetime | None = None
    password: str = ""
    downloads: bool = False


def listing(collection: Collection, *, user: User) -> QuerySet[ShareLink]:
    """Return the links of a collection, newest first, those that ended lately too; a manager may."""
    rights.require_role(collection, user=user, role=Role.MANAGER)
    return ShareLink.objects.filter(collection=collection).select_related("made_by").order_by("-created_at", "-id")


def make(collection: Collection, *, user: User, wanted: LinkRequest) -> tuple[str, ShareLink]:
    """Make a link and return the secret of its address, which is never to be seen again, and its row; a manager may.

    Raises NotFound, Forbidden, and InvalidInput naming the field.
    """
    rights.require_role(collection, user=user, role=Role.MANAGER)
    secret, fields = secrets.token_urlsafe(32), _checked(wanted)  # hashing a password takes too long for a lock
    with transaction.atomic():
        row = collections.changing(collection.pk, user=user, role=Role.MANAGER)
        _require_room(row)
        link = ShareLink.objects.create(collection=row, made_by=user, digest=accounts.digest(secret), **fields)
        until = link.expires_at.isoformat(timespec="seconds")
        said = {"until": until, "downloads": link.downloads, "password": bool(link.password)}
        accounts.record(user, "share_link.made", link, collection=str(row.pk), **said)
    return secret, link


def end(link_id: UUID, *, collection: Collection, user: User) -> None:
    """Let a link show nothing from now on; a manager may. Raises NotFound for one that is not of the collection."""
    with transaction.atomic():
        row = collections.changing(collection.pk, user=user, role=Role.MANAGER)
        link = ShareLink.objects.select_for_update().filter(pk=link_id, collection=row).first()
        if link is None:
            raise NotFound("There is no such link.")
        if link.ended_at is None:
            link.ended_at = timezone.now()
            link.save(update_fields=["ended_at"])
            accounts.record(user, "share_link.ended", link, collection=str(row.pk), visits=link.visits)


def found(secret: str) -> ShareLink:
    """Return the link of this address. Raises LinkOver when it is over, NotFound when it shows nothing or never was."""
    rows = ShareLink.objects.select_related("collection__owner", "made_by")
    link = rows.filter(digest=accounts.digest(secret)).first()
    if link and link.state is ShareLink.State.OPEN and _vouched_for(link):
        return link
    if _is_visit("refused", link):
        accounts.note(caller.current().person(), "share_link.refused", link)
    if link and link.state is not ShareLink.State.OPEN:
        raise LinkOver(OVER)
    raise NotFound(OVER, code="share_link_over")


def unlock(link: ShareLink, password: str) -> str:
    """Return the proof that somebody knows the password, empty for a wrong one. Raises TooMany for who guesses."""
    return signing.dumps(str(link.pk), salt=SALT) if passwords.unlocks(link, password) else ""


def is_unlocked(link: ShareLink, proof: str) -> bool:
    """Tell whether whoever holds this proof may look: it is of this very link, or that asks for no password."""
    if not link.password:
        return True
    try:
        return bool(signing.loads(proof, salt=SALT, max_age=PROVEN_FOR) == str(link.pk))
    except signing.BadSignature:
        return False


def visited(link: ShareLink) -> None:
    """Count a visit and bring it into the trail, once for an address and hour."""
    if _is_visit("opened", link):
        ShareLink.objects.filter(pk=link.pk).update(visits=F("visits") + 1, last_visit_at=timezone.now())
        accounts.note(caller.current().person(), "share_link.opened", link, collection=str(link.collection_id))


def pictures(link: ShareLink) -> ImageQuerySet:
    """Return what the link shows: the living pictures that are in its collection now."""
    return Image.objects.alive().filter(collection=link.collection_id)


def picture(link: ShareLink, image_id: UUID) -> Image:
    """Return one of them. Raises NotFound for any other."""
    image = pictures(link).filter(pk=image_id).first()
    if image is None:
        raise NotFound("There is no such picture.")
    return image


def original(link: ShareLink, image_id: UUID) -> Image:
    """Return one of them whose file is to be sent, on the trail. Raises NotFound where the link gives no files."""
    image = picture(link, image_id)
    if not link.downloads:
        raise NotFound("There is no such picture.")
    accounts.note(caller.current().person(), "share_link.downloaded", link, image=str(image.pk))
    return image


def beside(link: ShareLink, image: Image) -> tuple[UUID | None, UUID | None]:
    """Return the ids of the pictures before and after one in the list, newest first; None at its ends."""
    at, rows = image.created_at, pictures(link)
    newer = rows.filter(Q(created_at__gt=at) | Q(id__gt=image.pk), created_at__gte=at)  # a bound that the index knows
    older = rows.filter(Q(created_at__lt=at) | Q(id__lt=image.pk), created_at__lte=at)
    before = newer.order_by("created_at", "id").values_list("pk", flat=True).first()
    return before, older.order_by("-created_at", "-id").values_list("pk", flat=True).first()


def _vouched_for(link: ShareLink) -> bool:
    home, maker = link.collection, link.made_by
    if home.deleted_at or not home.owner.is_active or maker is None or not maker.is_active:
        return False
    return rights.has_role(home, maker, Role.MANAGER)


def _is_visit(kind: str, link: ShareLink | None) -> bool:
    here = limits.place(caller.current().address)
    key = f"{link.pk if link else ''} {here}"
    return limits.nth(f"share-link-{kind}", key=key, per_seconds=VISIT_SECONDS) == 1


def _require_room(row: Collection) -> None:
    """The caller has locked the collection, so that two do not both take the last place."""
    going = ShareLink.objects.filter(collection=row, ended_at=None, expires_at__gt=timezone.now())
    if going.count() >= MOST_OPEN:
        raise InvalidInput.of("name", f"The collection has {MOST_OPEN} links already; end one first.")


def _checked(wanted: LinkRequest) -> dict[str, Any]:
    """Return the fields to write, or raise InvalidInput naming the first that is wrong."""
    now, name = timezone.now(), wanted.name.strip()
    expires_at = wanted.expires_at or now + USUAL
    if not now < expires_at <= now + LONGEST:
        raise InvalidInput.of("expires_at", f"A link ends in the future, at most {LONGEST.days} days from now.")
    if len(name) > LINK_NAME_LENGTH or "\x00" in name:
        raise InvalidInput.of("name", f"At most {LINK_NAME_LENGTH} characters, without null characters.")
    if wanted.password and not SHORTEST_PASSWORD <= len(wanted.password) <= LINK_PASSWORD_LENGTH:
        text = f"A password of a link has {SHORTEST_PASSWORD} to {LINK_PASSWORD_LENGTH} characters, or there is none."
        raise InvalidInput.of("password", text)
    password = make_password(wanted.password) if wanted.password else ""
    return {"name": name, "expires_at": expires_at, "password": password, "downloads": wanted.downloads}
