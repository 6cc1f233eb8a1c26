"""Groups of copies resolved: one of each is kept with what people said of the rest, the rest goes into the trash."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import CharField, F, Value
from django.db.models.functions import JSONObject
from django.utils import timezone

from retrieval.models import BulkAct, CopyVerdict, Image, Role
from retrieval.services.copies import groups, merging, rules
from retrieval.services.copies.groups import CopyScope, Group
from retrieval.services.images import bulk, bulk_rows, collections
from retrieval.services.people import accounts, rights

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MOST_GROUPS = 1_000  # named one by one
NAMED_ON_TRAIL = 500
FRAMED = {"cropped", "pasted"}
SAFE = (CopyVerdict.SAME_FILE, CopyVerdict.SAME_IMAGE)


@dataclass(frozen=True)
class Wish:
    """Which groups: by ids, or all of a scope; by which rule the one to keep is chosen, or which pictures are kept.

    ``goes``: only these may go; None: all.
    """

    scope: CopyScope = field(default_factory=CopyScope)
    ids: tuple[UUID, ...] | None = None
    rule: tuple[str, ...] = rules.DEFAULT
    keep: tuple[UUID, ...] = ()
    goes: tuple[UUID, ...] | None = None


@dataclass(frozen=True)
class Resolution:
    """How many groups keep one picture, how many pictures went, how many copies were left as they are.

    ``undo`` is the token of the act that ``bulk_undo`` takes back; None where nothing was done.
    """

    kept: int
    trashed: int
    left: int
    undo: UUID | None


@dataclass(frozen=True)
class Plan:
    """One group: what is kept, what of it changes, and what goes."""

    keep: Image
    columns: dict[str, Any]
    goes: Sequence[Image]


def preview(wish: Wish, *, user: User) -> Resolution:
    """Say what ``resolve`` would do now; nothing is done. Raises as it."""
    plans, left = _plans(wish, user=user)
    return Resolution(len(plans), sum(len(plan.goes) for plan in plans), left, None)


def would_go(found: Iterable[Group], *, user: User) -> Counter[CopyVerdict]:
    """Count of each verdict the pictures that ``resolve`` would put into the trash if it were given all these groups.

    ``found`` is by the default rule, around whose best picture they are already.
    """
    mine, counts = _mine(user), Counter[CopyVerdict]()
    for group in found:
        counts[group.verdict] += len(_goes(group, Wish(CopyScope(verdict=group.verdict)), mine=mine))
    return counts


def resolve(wish: Wish, *, user: User) -> Resolution:
    """Keep one picture of each group, and put those into the trash that were verified against it; all in one commit.

    What lies where this person is no contributor stays as it is, and its group if that is the one to keep. Of all
    groups at once only copies go, never the same thing unless that verdict is named, and no crops and pages: a part of
    a picture, or a page with it, is looked at one by one. Raises InvalidInput (rule), and NotFound for a group that is
    not there any more: its id changes with its members.
    """
    with transaction.atomic():
        homes = {image.collection_id for plan in _plans(wish, user=user)[0] for image in (plan.keep, *plan.goes)}
        collections.hold(*homes, alone=True)
        accounts.require_active(user)
        plans, left = _plans(wish, user=user)  # as it is now that nobody moves or deletes anything there
        plans = [plan for plan in plans if {image.collection_id for image in (plan.keep, *plan.goes)} <= homes]
        if not plans:
            return Resolution(0, 0, left, None)
        act = BulkAct.objects.create(user=user, at=timezone.now(), columns=[*merging.COLUMNS, "deleted_at"])
        _carry_over(act, plans)
        _record(act, plans)
        return Resolution(len(plans), sum(len(plan.goes) for plan in plans), left, act.pk)


def _plans(wish: Wish, *, user: User) -> tuple[list[Plan], int]:
    """What would be done to each group that the person may change, and how many copies stay as they are."""
    found = groups.chosen(wish.scope, wish.ids, user=user, rule=wish.rule, keep=wish.keep)
    mine = _mine(user)
    plans, left = [], 0
    for group in found:
        gone = _goes(group, wish, mine=mine)
        left += len(group.others) - len(gone)
        if gone:
            plans.append(Plan(group.keep, merging.carried_over(group.keep, gone), gone))
    return plans, left


def _mine(user: User) -> set[UUID]:
    """The collections in which this person may delete."""
    return set(rights.held(user, role=Role.CONTRIBUTOR).values_list("pk", flat=True))


def _goes(group: Group, wish: Wish, *, mine: Container[UUID]) -> list[Image]:
    """What of a group goes; nothing where the one to keep is another's."""
    if group.keep.collection_id not in mine:
        return []
    return [copy.image for copy in group.others if copy.image.collection_id in mine and _may_go(copy, wish)]


def _may_go(copy: groups.Copy, wish: Wish) -> bool:
    if wish.goes is not None and copy.image.pk not in wish.goes:
        return False
    if wish.ids is not None:
        return True
    if copy.verdict == CopyVerdict.SAME_THING and wish.scope.verdict != copy.verdict:
        return False
    return not FRAMED & set(copy.edit)


def _carry_over(act: BulkAct, plans: Sequence[Plan]) -> None:
    """Write down what is before, then what people said onto the kept ones, then delete the rest."""
    changed = [plan for plan in plans if plan.columns]
    gone = [image.pk for plan in plans for image in plan.goes]
    before = JSONObject(**{name: F(name) for name in act.columns})
    rows = Image.objects.alive().filter(pk__in=[*gone, *(plan.keep.pk for plan in changed)])
    marked = rows.annotate(before=before, refused=Value("", output_field=CharField()))
    bulk_rows.take(act, marked, most=len(gone) + len(changed))
    for plan in changed:
        Image.objects.filter(pk=plan.keep.pk).update(**plan.columns, updated_at=act.at)
    bulk.take_away(Image.objects.filter(pk__in=gone), at=act.at)


def _record(act: BulkAct, plans: Sequence[Plan]) -> None:
    kept, gone = _names(plan.keep for plan in plans), _names(image for plan in plans for image in plan.goes)
    accounts.record(act.user, "copies.resolved", act, count=len(gone), kept=kept[:NAMED_ON_TRAIL],
                    images=gone[:NAMED_ON_TRAIL])  # fmt: skip


def _names(images: Iterable[Image]) -> list[str]:
    return [str(image.pk) for image in images]
