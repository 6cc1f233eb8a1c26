"""What is done to many pictures at once: tags, fields, moving, deleting, embedding again; checked one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import Case, CharField, F, Func, IntegerField, Q, Value, When
from django.db.models.functions import JSONObject
from django.utils import timezone

from retrieval.errors import InvalidInput
from retrieval.models import BulkAct, ImageDigest, Role
from retrieval.models.bounds import MOST_TAGS
from retrieval.models.images import ImageQuerySet
from retrieval.search import stored
from retrieval.services.images import bulk_rows, collections
from retrieval.services.images.choice import MOST, Choice, chosen, require_few
from retrieval.services.images.image_fields import ImageChanges, checked
from retrieval.services.images.tagging import tagged
from retrieval.services.people import accounts, rights
from retrieval.work import jobs

if TYPE_CHECKING:
    from django.contrib.auth.models import User

NAMED_ON_TRAIL = 500


@dataclass(frozen=True)
class Acts:
    """What to do; tags that are added and removed stay. To delete goes with nothing else."""

    add_tags: Sequence[str] = ()
    remove_tags: Sequence[str] = ()
    changes: ImageChanges = field(default_factory=ImageChanges)
    move: UUID | None = None
    delete: bool = False
    embed: bool = False


@dataclass(frozen=True)
class Outcome:
    """How many pictures it was done to, the first that were refused with their codes, and how many those are.

    ``undo`` is the token that takes it back; None where nothing was changed.
    """

    done: int
    refused: Sequence[tuple[UUID, str]]
    refused_count: int
    undo: UUID | None = None


def run(choice: Choice, *, user: User, acts: Acts) -> Outcome:
    """Do it to those of the chosen pictures, 100,000 at most, that this person may change; all in one commit.

    Each statement is for all pictures. Others that would add, move or delete in these collections wait while pictures
    are moved or deleted. Raises InvalidInput naming the field; NotFound and Forbidden for the goal of a move.
    """
    columns = _columns(acts)
    with transaction.atomic():
        rows = chosen(choice, user=user)
        held = _held(rows, user=user, acts=acts)
        act = BulkAct.objects.create(user=user, at=timezone.now(), columns=_written(acts, columns))
        require_few(bulk_rows.take(act, _marked(rows, held=held, columns=columns, act=act), most=MOST))
        if acts.move:
            _move(act, acts.move)
        if acts.delete:
            take_away(bulk_rows.images(act), at=act.at)
        elif columns:
            bulk_rows.images(act).update(**columns, updated_at=act.at)
        if acts.embed:
            jobs.embed_again(bulk_rows.images(act))
        return _outcome(act, choice=choice, acts=acts)


def _columns(acts: Acts) -> dict[str, Any]:
    """Return what to write into columns, values and expressions. Raises InvalidInput."""
    columns = checked(acts.changes)
    added, removed = (checked(ImageChanges(tags=tags))["tags"] for tags in (acts.add_tags, acts.remove_tags))
    if added or removed:
        if "tags" in columns:
            raise InvalidInput.of("set", "Set tags, or add and remove some: not both.")
        columns["tags"] = tagged(added, without=removed)
    others = bool(columns or acts.move or acts.embed)
    if acts.delete and others:
        raise InvalidInput.of("delete", "What is deleted cannot be changed by the same call.")
    if not (acts.delete or others):
        names = ", ".join("set" if each.name == "changes" else each.name for each in fields(Acts))
        raise InvalidInput(f"Name what to do: {names}.", code="nothing_to_change")
    return columns


def _written(acts: Acts, columns: Mapping[str, Any]) -> list[str]:
    """Name the columns that the acts write."""
    return [*columns, *(["collection_id"] if acts.move else []), *(["deleted_at"] if acts.delete else [])]


def _held(rows: ImageQuerySet, *, user: User, acts: Acts) -> list[UUID]:
    """Hold the pictures' collections and the goal; return those in which the person may change pictures."""
    there = set(rows.order_by().values_list("collection_id", flat=True).distinct())
    goal = {acts.move} if acts.move else set()
    collections.hold(*there, *goal, alone=bool(acts.move or acts.delete))
    collections.acting(*goal, user=user)
    return list(rights.held(user, role=Role.CONTRIBUTOR).filter(pk__in=there).values_list("pk", flat=True))


def _marked(rows: ImageQuerySet, *, held: Sequence[UUID], columns: Mapping[str, Any], act: BulkAct) -> ImageQuerySet:
    """Annotate pictures with what is before, and with the code for which one is refused."""
    refusals = [When(~Q(collection__in=held), then=Value("forbidden"))]
    if hasattr(columns.get("tags"), "resolve_expression"):
        count = Func(columns["tags"], function="cardinality", output_field=IntegerField())
        rows = rows.alias(tag_count=count)
        refusals.append(When(tag_count__gt=MOST_TAGS, then=Value("too_many_tags")))
    return rows.annotate(
        before=JSONObject(**{name: F(name) for name in act.columns}),
        refused=Case(*refusals, default=Value(""), output_field=CharField()),
    )


def _move(act: BulkAct, goal: UUID) -> None:
    bulk_rows.claim_digests(act, goal)
    rows = bulk_rows.images(act)
    ImageDigest.objects.filter(image__in=rows.values("pk")).exclude(collection=goal).delete()
    rows.update(collection=goal, updated_at=act.at)
    stored.place_all(rows, goal)


def take_away(rows: ImageQuerySet, *, at: datetime) -> None:
    """Delete pictures, whoever may ask; the caller's transaction holds their collections alone."""
    ImageDigest.objects.filter(image__in=rows.values("pk")).delete()
    rows.update(deleted_at=at, updated_at=at)
    stored.place_all(rows, None)


def _outcome(act: BulkAct, *, choice: Choice, acts: Acts) -> Outcome:
    """Count, and write it on the trail; what nobody can take back is not kept."""
    done, (refused, count) = bulk_rows.taken(act).count(), bulk_rows.refusals(act)
    missing = bulk_rows.unknown(act, choice.ids or ())
    refused = [*refused, *((pk, "not_found") for pk in missing)][: bulk_rows.MOST_SHOWN]
    if done:
        _record(act, acts=acts, done=done)
    undo = act.pk if done and act.columns else None
    if undo is None:
        act.delete()
    return Outcome(done, refused, count + len(missing), undo)


def _record(act: BulkAct, *, acts: Acts, done: int) -> None:
    names = ["set" if each.name == "changes" else each.name for each in fields(Acts) if _is_asked(acts, each.name)]
    where = [str(pk) for pk in bulk_rows.taken(act).order_by().values_list("collection", flat=True).distinct()]
    pictures = bulk_rows.taken(act).order_by("image_id").values_list("image_id", flat=True)[:NAMED_ON_TRAIL]
    said = {"acts": names, "columns": act.columns, "count": done, "collections": where[:NAMED_ON_TRAIL]}
    goal = {"goal": str(acts.move)} if acts.move else {}
    accounts.record(act.user, "images.bulk", act, **said, **goal, images=[str(pk) for pk in pictures])


def _is_asked(acts: Acts, name: str) -> bool:
    return bool(checked(acts.changes) if name == "changes" else getattr(acts, name))
