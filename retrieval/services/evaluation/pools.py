"""What is to be judged: queries drawn at random, and the first answers of several encoders, pooled and shuffled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import Avg, QuerySet, TextField, Value
from django.db.models.functions import MD5, Cast, Concat

from retrieval.errors import InvalidInput, NotFound
from retrieval.evaluation import DEPTH
from retrieval.models import Collection, Encoder, Image, Judgement, Pool
from retrieval.search import Filters, Question, nearest, stored
from retrieval.services.evaluation import evaluation, evaluations
from retrieval.services.images import collections
from retrieval.services.people import accounts, rights

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MOST_QUERIES, USUAL_QUERIES = 50, 20
HIGHEST_SEED = 2**31 - 1

Pair = tuple[UUID, UUID]
"""The ids of a query and of an answer."""


@dataclass(frozen=True)
class PoolRequest:
    """Which encoders' answers to judge, by name, on how many queries; the same seed draws the same queries."""

    collection: Collection
    encoders: tuple[str, ...]
    queries: int = USUAL_QUERIES
    seed: int = 0


@dataclass(frozen=True)
class Standing:
    """How many of a pool's answers are judged, by whomever."""

    judged: int
    total: int


@dataclass(frozen=True)
class Step:
    """The next answer to judge: its place in the pool, and which of the queries it belongs to, from 1."""

    place: int
    query: Image
    answer: Image
    number: int


def draw(request: PoolRequest, *, user: User) -> Pool:
    """Draw queries among the pictures that every encoder has embedded, and pool the first answers to each.

    More queries by the same seed include the fewer, so that judgements are used again. Administrators may. Raises
    Forbidden, NotFound for a collection that they do not see, and InvalidInput naming the field.
    """
    rights.require_administrator(user, to="judge answers")
    collections.find(request.collection.pk, user=user)
    evaluations.require_vectors(request.encoders, least=2)
    _require_numbers(request)
    encoders = [evaluation.named(name) for name in request.encoders]
    drawn = _drawn(request, encoders, user=user)
    found = [_answers(encoder, drawn, request=request, user=user) for encoder in encoders]
    pooled = [(asked, _shuffled(asked, [each[asked] for each in found], seed=request.seed)) for asked in drawn]
    if not any(answers for _, answers in pooled):
        text = "Fewer than two pictures of this collection are embedded by all of these encoders."
        raise InvalidInput.of("collection", text)
    return _kept(request, pooled, user=user)


def listing(user: User) -> QuerySet[Pool]:
    """Return the pools of the collections that this administrator sees, newest first."""
    rights.require_administrator(user, to="judge answers")
    visible = Pool.objects.filter(collection__in=Collection.objects.visible_to(user))
    return visible.select_related("user", "collection")


def get(pool_id: UUID | str, *, user: User) -> Pool:
    """Return one pool. Raises Forbidden, and NotFound when its collection is not visible."""
    found = listing(user).filter(pk=pool_id).first()
    if found is None:
        raise NotFound("There is no such pool.")
    return found


def places(pool: Pool, *, user: User) -> dict[int, Pair]:
    """Return what there is to judge by its place in the pool, less pictures that left the collection or his view."""
    pairs = list(_pairs(pool))
    ids = {image for pair in pairs for image in pair}
    rows = Image.objects.visible_to(user).filter(collection=pool.collection_id, pk__in=ids)
    visible = set(rows.values_list("pk", flat=True))
    return {place: pair for place, pair in enumerate(pairs) if visible.issuperset(pair)}


def grades(pool: Pool) -> dict[Pair, float]:
    """Return what was said of answers to the pool's queries: the mean over the people who judged."""
    asked = [text for text, _ in pool.queries]
    rows = Judgement.objects.filter(collection=pool.collection_id, query_id__in=asked)
    means = rows.values_list("query_id", "answer_id").annotate(Avg("grade"))
    return {(asked, answer): float(grade) for asked, answer, grade in means}


def standing(pool: Pool, *, user: User) -> Standing:
    """Count what is judged."""
    found, judged = places(pool, user=user), grades(pool)
    return Standing(sum(pair in judged for pair in found.values()), len(found))


def upcoming(pool: Pool, *, user: User, after: int = -1) -> Step | None:
    """Return the first answer behind a place that nobody judged; behind the last one it begins again.

    So what was passed over comes back at the end. None when everything is judged.
    """
    judged = grades(pool)
    waiting = {place: pair for place, pair in places(pool, user=user).items() if pair not in judged}
    place = next((each for each in waiting if each > after), next(iter(waiting), None))
    if place is None:
        return None
    asked, answer = waiting[place]
    images = Image.objects.visible_to(user).in_bulk([asked, answer])
    if len(images) < 2:
        raise NotFound("There is no such picture.")
    number = [UUID(text) for text, _ in pool.queries].index(asked) + 1
    return Step(place, images[asked], images[answer], number)


def _pairs(pool: Pool) -> Iterator[Pair]:
    for asked, answers in pool.queries:
        for answer in answers:
            yield UUID(asked), UUID(answer)


def _require_numbers(request: PoolRequest) -> None:
    if not 1 <= request.queries <= MOST_QUERIES:
        raise InvalidInput.of("queries", f"Draw 1 to {MOST_QUERIES} queries.")
    if not 0 <= request.seed <= HIGHEST_SEED:
        raise InvalidInput.of("seed", f"The seed is a whole number from 0 to {HIGHEST_SEED}.")


def _drawn(request: PoolRequest, encoders: Sequence[Encoder], *, user: User) -> list[UUID]:
    """Take the first pictures in an order that only seed and ids decide."""
    images = Image.objects.visible_to(user).filter(collection=request.collection)
    for encoder in encoders:
        images = images.filter(stored.has_vector(encoder))
    order = MD5(Concat(Value(f"{request.seed} "), Cast("pk", TextField())))
    return list(images.order_by(order, "pk").values_list("pk", flat=True)[: request.queries])


def _answers(encoder: Encoder, drawn: Sequence[UUID], *, request: PoolRequest, user: User) -> dict[UUID, list[UUID]]:
    """Ask one encoder every query, as a search in the collection would, by cosine and without the query itself."""
    found = {}
    for image_id, vector in stored.queries(encoder, drawn).items():
        filters = Filters(collections=(request.collection.pk,), exclude=(image_id,))
        ranked = nearest(Question(encoder, vector, filters=filters, k=DEPTH), user=user)
        found[image_id] = [hit.image_id for hit in ranked.hits]
    return {asked: found.get(asked, []) for asked in drawn}


def _shuffled(asked: UUID, answers: Sequence[Sequence[UUID]], *, seed: int) -> list[UUID]:
    """Put the answers of all encoders together, in an order that tells nothing about them."""
    pooled = sorted({answer for each in answers for answer in each})
    Random(f"{seed} {asked}").shuffle(pooled)
    return pooled


def _kept(request: PoolRequest, pooled: Sequence[tuple[UUID, list[UUID]]], *, user: User) -> Pool:
    with transaction.atomic():
        row = Pool.objects.create(
            user=user,
            collection=request.collection,
            encoders=list(request.encoders),
            depth=DEPTH,
            seed=request.seed,
            queries=[[str(asked), [str(answer) for answer in answers]] for asked, answers in pooled],
        )
        accounts.record(user, "pool.drawn", row, encoders=row.encoders, collection=str(row.collection_id))
    return row
