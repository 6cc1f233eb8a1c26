"""The nearest pictures: exact where the candidates are few, else by the index, and always as many as there are."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.db.models import Expression, F, FloatField, QuerySet, TextField, Value, Window
from django.db.models.functions import Cast, Coalesce, NullIf, RowNumber
from psycopg.errors import QueryCanceled

from retrieval import conf
from retrieval.errors import Unavailable
from retrieval.models import Embedding, Encoder, IndexKind, Measure
from retrieval.search import indexes, scope
from retrieval.search.kinds import KINDS
from retrieval.search.metrics import METRICS
from retrieval.search.scope import Filters, Scope
from retrieval.search.vectors import QueryVector

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer

SECONDS = 5
# The longest list HNSW keeps while it searches.
WIDEST = 1_000
# So many are taken from the index for every page of an answer, as a part of them is not always the first of them; what
# comes after them is found by the exact scan. A page of its largest size is one of the index.
TAKEN = 200
# So many of the nearest by cosine are ranked again by another measure, or narrowed to one picture per group.
RERANKED = 400
# So many of the nearest by bits are ranked again by halves: of compact-v1's 256 bits 800 hold 97 % of the ten nearest
# among 34,000 pictures, 400 hold 96 %.
RERANKED_BITS = 800
# So many of the nearest tell whether anything looks like the query at all.
FIRST = 5
# Inside an index scan a filter throws results away. Up to so many times more candidates the exact scan is both quicker
# and right, above all for a query unlike the pictures that pass; beyond, the list is longer, and the scan goes on until
# it has enough or has seen this many rows.
UNFILTERED = 0.9
FILTERED_EXACT = 4
FILTERED_LIST = 2
MOST_VISITED = 40_000


@dataclass(frozen=True)
class Question:
    """One search. Without a vector the pictures are ranked by the words of the filters."""

    encoder: Encoder
    vector: QueryVector | None
    measure: Measure = Measure.COSINE
    filters: Filters = field(default_factory=Filters)
    k: int = 24
    offset: int = 0
    group: bool = False
    exact: bool = False
    min_score: float | None = None

    @property
    def distance(self) -> Expression:
        """What the rows are ordered by."""
        if self.vector is not None:
            return METRICS[self.measure].distance(self.vector)
        if self.filters.words is None:
            raise ValueError("a question needs a vector or words")
        return self.filters.words.distance()

    def score(self, distance: float) -> float:
        """What a person reads."""
        return METRICS[self.measure].score(distance) if self.vector is not None else 1 - distance


@dataclass(frozen=True)
class Hit:
    """One picture found; ``distance`` is the measure's own."""

    image_id: UUID
    distance: float
    score: float


@dataclass(frozen=True)
class Ranked:
    """Hits nearest first, ties by id; whether they are the exact ones; among how many they were sought.

    ``first`` are the nearest of all, a few, whatever they score; empty after an offset.
    """

    hits: list[Hit]
    exact: bool
    candidates: int
    first: tuple[UUID, ...] = ()


Row = tuple[UUID, float]
ROW = ("image_id", "distance")


def nearest(question: Question, *, user: Viewer) -> Ranked:
    """Return the ``k`` nearest pictures after ``offset`` among those the person may see; fewer only if there are fewer.

    Pages of one question repeat no picture and leave none out while nothing changes. Each is sorted in itself; behind
    what the index gave comes what it missed. Raises Unavailable (code search_timeout) when all of it takes the database
    longer than 5 s.
    """
    bound, found = conf.get().exact_candidates, None
    with bounded() as only_what_is_left:
        sought = scope.resolve(question.filters, encoder=question.encoder, user=user, bound=bound)
        only_what_is_left()
        if question.vector is not None and not question.exact and sought.candidates > bound:
            found = approximate(question, sought)
            only_what_is_left()
        rows = exact(question, sought) if found is None else found
    first = () if question.offset else tuple(image_id for image_id, _ in rows[:FIRST])
    rows.sort(key=_nearer)
    return Ranked(_hits(question, rows), exact=found is None, candidates=sought.candidates, first=first)


def exact(question: Question, sought: Scope, *, after: Sequence[UUID] = ()) -> list[Row]:
    """Rank every row of the scope. Adding 0 keeps the planner from an index that finds only most of them.

    ``after``: what stands before, which is left out, with its groups where groups are asked for.
    """
    rows = sought.rows.annotate(distance=question.distance + Value(0.0, FloatField()))
    if question.group:
        shown = Embedding.objects.filter(image_id__in=after).values_list(_group(), flat=True)
        order = ["distance", "image_id"]
        best = Window(RowNumber(), partition_by=_group(), order_by=order)
        rows = rows.annotate(group=_group()).exclude(group__in=list(shown))
        rows = rows.annotate(place=best).filter(place=1)
    elif after:
        rows = rows.exclude(image_id__in=after)
    ordered = rows.order_by("distance", "image_id").values_list("image_id", "distance")
    first = max(0, question.offset - len(after))
    return list(ordered[first : max(0, question.offset + question.k - len(after))])


def approximate(question: Question, sought: Scope) -> list[Row] | None:
    """Rank what the index finds, and behind it the rest; None when the exact scan is better or no index is sound.

    However a page lies, the same rows are taken from the index.
    """
    index = indexes.usable(question.encoder)
    if question.vector is None or index is None:
        return None
    share = sought.candidates / max(1, index.rows)
    if share < UNFILTERED and not sought.more and sought.candidates <= FILTERED_EXACT * conf.get().exact_candidates:
        return None
    taken = _taken(question, kind=index.kind)
    _widen(max(list_length(index.rows, share=share), taken))
    near = _by_index(question, question.vector, rows=sought.rows, kind=index.kind)
    found = list(near.annotate(group=_group() if question.group else F("image_id")).values_list(*ROW, "group")[:taken])
    return _page(question, sought, found) if _enough(found, min(taken, sought.candidates)) else None


def _page(question: Question, sought: Scope, found: Sequence[tuple[UUID, float, str]]) -> list[Row]:
    """The page of what the index found, the best of each group, and of the rest where it ends before the page does."""
    best: dict[str, Row] = {}
    for image_id, distance, group in sorted(found, key=_nearer):
        best.setdefault(group, (image_id, distance))
    ordered, wanted = list(best.values()), question.offset + question.k
    rest = exact(question, sought, after=[image_id for image_id, _ in ordered]) if wanted > len(ordered) else []
    return ordered[question.offset : wanted] + rest


def _nearer(row: Sequence[Any]) -> tuple[float, UUID]:
    """Sorts rows nearest first, ties by id."""
    return row[1], row[0]


def _enough(found: Sized, there: int) -> bool:
    """Whether the index gave what is there; where it did not, the exact scan is better for every page."""
    return len(found) >= there


def _by_index(question: Question, vector: QueryVector, *, rows: QuerySet[Embedding], kind: IndexKind) -> QuerySet[Any]:
    """The rows in the index's order, by cosine or by bits, with the distance that was asked for."""
    measured = rows.annotate(distance=question.distance)
    if _in_order(question, kind):
        return measured.order_by("distance")
    return measured.annotate(near=KINDS[kind].apart(question.encoder, vector)).order_by("near")


def _in_order(question: Question, kind: IndexKind) -> bool:
    """Whether the index gives the rows in the very order that was asked for."""
    return kind == IndexKind.HALVES and question.measure == Measure.COSINE


def list_length(rows: int, *, share: float = 1) -> int:
    """HNSW's ``ef_search`` for recall@10 of 0.99 over so many rows, of which a filter lets this share pass.

    It grows with the root of the number of rows, and through a filter as fewer pass.
    """
    length = 120 * math.sqrt(rows / 100_000)
    if share < UNFILTERED:
        length *= FILTERED_LIST / max(share, 1 / WIDEST)
    return min(WIDEST, max(40, round(length)))


def _taken(question: Question, *, kind: IndexKind) -> int:
    """How many to take from the index, so that after ranking again or grouping the first are right."""
    if kind == IndexKind.BITS:
        return RERANKED_BITS
    return RERANKED if question.group or not _in_order(question, kind) else TAKEN


def _group() -> Expression:
    """A picture's group; one without a group is its own."""
    alone = Cast("image_id", TextField())
    return Coalesce(NullIf("image__group_key", Value("")), alone, output_field=TextField())


def _hits(question: Question, rows: Iterable[Row]) -> list[Hit]:
    hits = (Hit(image_id, distance, question.score(distance)) for image_id, distance in rows)
    least = question.min_score
    return list(hits if least is None else takewhile(lambda hit: hit.score >= least, hits))


@contextmanager
def bounded() -> Iterator[Callable[[], None]]:
    """A transaction in which no statement runs longer than SECONDS; just-in-time compiling costs more than it saves.

    Yields what to call between statements, so that all of them together take no longer.
    """
    ends = time.monotonic() + SECONDS

    def only_what_is_left(**besides: str) -> None:
        left = round((ends - time.monotonic()) * 1000)
        _set(statement_timeout=str(max(1, left)), **besides)  # milliseconds; 0 would be no limit

    try:
        with transaction.atomic():
            only_what_is_left(jit="off")
            yield only_what_is_left
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise Unavailable("The search took too long; narrow it.", code="search_timeout") from error
        raise


def _widen(length: int) -> None:
    """Set how far the index scan looks, for this transaction only: connections are pooled."""
    _set(
        **{
            "hnsw.ef_search": str(length),
            "hnsw.iterative_scan": "relaxed_order",
            "hnsw.max_scan_tuples": str(MOST_VISITED),
        }
    )


def _set(**values: str) -> None:
    calls = ", ".join(["set_config(%s, %s, true)"] * len(values))
    pairs = [item for pair in values.items() for item in pair]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {calls}", pairs)
