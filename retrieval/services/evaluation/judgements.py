"""Judging: what a person says of answers is kept, changed, and taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction

from retrieval.errors import InvalidInput, NotFound
from retrieval.models import Grade, Image, Judgement, Pool
from retrieval.services.evaluation import pools
from retrieval.services.people import rights

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MOST_AT_ONCE = 200


@dataclass(frozen=True)
class Said:
    """A grade of an answer to a query; None takes an earlier one back."""

    query: UUID
    answer: UUID
    grade: int | None


def keep(said: Sequence[Said], *, user: User) -> None:
    """Keep a person's grades, all or none; the later of two on the same pair counts. Administrators may.

    Raises Forbidden, NotFound for a picture that they do not see, and InvalidInput for a grade that there is none of, a
    picture as its own answer, or two pictures of different collections.
    """
    rights.require_administrator(user, to="judge answers")
    with transaction.atomic():
        homes = _homes(said, user=user)
        for each in said:
            _check(each, homes)
        latest = {(each.query, each.answer): each.grade for each in said}
        for (query, answer), grade in latest.items():
            if grade is None:
                Judgement.objects.filter(pk=(query, answer, user.pk)).delete()
        Judgement.objects.bulk_create(
            [
                Judgement(query_id=query, answer_id=answer, user=user, collection_id=homes[query], grade=grade)
                for (query, answer), grade in sorted(latest.items())
                if grade is not None
            ],
            update_conflicts=True,
            unique_fields=["query", "answer", "user"],
            update_fields=["collection", "grade", "judged_at"],
        )


def take_back(pool: Pool, *, user: User) -> int | None:
    """Forget the person's latest judgement of the pool's answers; return its place in the pool, None for none."""
    places = {pair: place for place, pair in pools.places(pool, user=user).items()}
    asked = {query for query, _ in places}
    own = Judgement.objects.filter(user=user, collection=pool.collection_id, query_id__in=asked)
    for query, answer in own.order_by("-judged_at").values_list("query_id", "answer_id"):
        if (query, answer) in places:
            keep([Said(query, answer, None)], user=user)
            return places[query, answer]
    return None


def _homes(said: Sequence[Said], *, user: User) -> dict[UUID, UUID]:
    """The collection of each picture named, which stays in it until the transaction ends."""
    if not 1 <= len(said) <= MOST_AT_ONCE:
        raise InvalidInput.of("judgements", f"Give 1 to {MOST_AT_ONCE} judgements at once.")
    ids = {image for each in said for image in (each.query, each.answer)}
    seen = Image.objects.visible_to(user).filter(pk__in=ids).order_by("pk")
    homes = dict(seen.select_for_update(no_key=True, of=("self",)).values_list("pk", "collection_id"))
    if len(homes) < len(ids):
        raise NotFound("There is no such picture.")
    return homes


def _check(said: Said, homes: dict[UUID, UUID]) -> None:
    if said.query == said.answer:
        raise InvalidInput.of("judgements", "A picture is not judged as an answer to itself.")
    if homes[said.query] != homes[said.answer]:
        raise InvalidInput.of("judgements", "Query and answer must be in one collection.")
    if said.grade is not None and said.grade not in Grade.values:
        raise InvalidInput.of("judgements", "A grade is 0, 1 or 2.")
