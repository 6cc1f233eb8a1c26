"""What people decide of two pictures: copies, or not; kept by their ids, listed, and taken back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from retrieval.errors import Forbidden, InvalidInput, NotFound
from retrieval.models import CopyDecision, Decided, Image, Role
from retrieval.services.copies.groups import CopyScope, pairs_of
from retrieval.services.people import accounts, rights

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from retrieval.models.collections import Viewer

MOST_PAIRS = 1_000
Pair = tuple[UUID, UUID]


def decide(pairs: Sequence[Pair], *, decision: Decided, user: User) -> list[CopyDecision]:
    """Keep a decision on each pair, in the place of an earlier one; a contributor where one of the two is may.

    Raises InvalidInput (pairs), NotFound for a picture that they do not see, and Forbidden; nothing is kept then.
    """
    ordered = _ordered(pairs)
    with transaction.atomic():
        _require(ordered, user=user)
        now = timezone.now()
        rows = [CopyDecision(one_id=one, other_id=other, user=user, decision=decision, decided_at=now)
                for one, other in ordered]  # fmt: skip
        CopyDecision.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["one", "other"],
            update_fields=["decision", "user", "decided_at"],
        )
        accounts.record(user, "copies.decided", user, decision=decision, pairs=len(ordered))
    return list(_of(ordered))


def listing(scope: CopyScope, *, user: Viewer) -> QuerySet[CopyDecision]:
    """Return the decisions on pairs of which this person sees both pictures, newest first. Raises NotFound."""
    found = CopyDecision.objects.filter(pairs_of(scope, user=user)).select_related("user")
    return found.order_by("-decided_at", "-pk")


def take_back(decision_id: UUID, *, user: User) -> None:
    """Forget a decision, as if nobody had decided. Raises NotFound, and Forbidden as ``decide``."""
    with transaction.atomic():
        row = listing(CopyScope(), user=user).filter(pk=decision_id).first()
        if row is None:
            raise NotFound("There is no such decision.")
        _require([(row.one_id, row.other_id)], user=user)
        accounts.record(user, "copies.undecided", row, decision=row.decision)
        row.delete()


def _ordered(pairs: Sequence[Pair]) -> list[Pair]:
    """Each pair once, its smaller id first. Raises InvalidInput."""
    if not 1 <= len(pairs) <= MOST_PAIRS:
        raise InvalidInput.of("pairs", f"Name 1 to {MOST_PAIRS} pairs.")
    if any(one == other for one, other in pairs):
        raise InvalidInput.of("pairs", "A pair is of two different pictures.")
    return sorted({(min(pair), max(pair)) for pair in pairs})


def _require(pairs: Sequence[Pair], *, user: User) -> None:
    """Raise NotFound unless they see all of these pictures, and Forbidden unless they may change one of each pair."""
    ids = {pk for pair in pairs for pk in pair}
    rows = Image.objects.visible_to(user).filter(pk__in=ids).select_related("collection")
    images = {image.pk: image for image in rows}
    if len(images) < len(ids):
        raise NotFound("There is no such picture.")
    homes = {image.collection_id: image.collection for image in images.values()}
    mine = {pk for pk, home in homes.items() if rights.has_role(home, user, Role.CONTRIBUTOR)}
    if any(not {images[one].collection_id, images[other].collection_id} & mine for one, other in pairs):
        raise Forbidden("To decide on a pair needs the role contributor where one of its pictures is.")


def _of(pairs: Sequence[Pair]) -> QuerySet[CopyDecision]:
    wanted = Q()
    for one, other in pairs:
        wanted |= Q(one=one, other=other)
    return CopyDecision.objects.filter(wanted).select_related("user").order_by("-decided_at", "-pk")
