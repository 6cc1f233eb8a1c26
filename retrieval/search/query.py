"""The nearest pictures: exact where the candidates are few, else by the index, and always as many as there are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence, Sized
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Any
from uuid import UUID

from retrieval import conf
from retrieval.models import Encoder, IndexKind, Measure
from retrieval.search import scope, stored
from retrieval.search.kinds import KINDS
from retrieval.search.metrics import METRICS
from retrieval.search.scope import Filters, Scope
from retrieval.search.sql import Asking, Sql, bounded, joined
from retrieval.search.vectors import QueryVector

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer

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
    """One search. Without a vector the pictures are ranked by the words of the filters.

    ``regions``: by the best of each picture's regions, where there are some (``regions.nearest_by_regions``).
    """

    encoder: Encoder
    vector: QueryVector | None
    measure: Measure = Measure.COSINE
    filters: Filters = field(default_factory=Filters)
    k: int = 24
    offset: int = 0
    group: bool = False
    exact: bool = False
    min_score: float | None = None
    regions: bool = False

    @property
    def distance(self) -> Sql:
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
class IndexUse:
    """How the index was asked: its kind and rows, how long a list it kept, how many were taken from it."""

    kind: IndexKind
    rows: int
    ef_search: int
    taken: int


@dataclass(frozen=True)
class Hit:
    """One picture found; ``distance`` is the measure's own, by the whole or by the region of this place from 1."""

    image_id: UUID
    distance: float
    score: float
    region: int = 0


@dataclass(frozen=True)
class Ranked:
    """Hits nearest first, ties by id; whether they are the exact ones; among how many they were sought.

    ``first`` are the nearest of all, a few, whatever they score; empty after an offset.
    """

    hits: list[Hit]
    exact: bool
    candidates: int
    first: tuple[UUID, ...] = ()
    index: IndexUse | None = None


# One without a group is its own.
GROUP = "coalesce(nullif(group_key, ''), image_id::text)"

Row = tuple[UUID, float]


def nearest(question: Question, *, user: Viewer) -> Ranked:
    """Return the ``k`` nearest pictures after ``offset`` among those the person may see; fewer only if there are fewer.

    Pages of one question repeat no picture and leave none out while nothing changes. Each is sorted in itself; behind
    what the index gave comes what it missed. Raises Unavailable (code search_timeout) when all of it takes the database
    longer than 5 s.
    """
    bound, found = conf.get().exact_candidates, None
    with bounded() as asking:
        sought = scope.resolve(question.filters, encoder=question.encoder, user=user, asking=asking)
        if question.vector is not None and not question.exact and sought.candidates > bound:
            found = approximate(question, sought, asking=asking)
        rows = exact(question, sought, asking=asking) if found is None else found
    first = () if question.offset else tuple(image_id for image_id, _ in rows[:FIRST])
    use = None if found is None else _use(question, sought)
    return Ranked(_hits(question, rows), exact=use is None, candidates=sought.candidates, first=first, index=use)


def neighbours(encoder: Encoder, image_id: UUID, *, k: int, min_score: float) -> list[UUID]:
    """Return the ``k`` nearest to a stored picture by cosine that score as high, whoever may see them.

    For work that nobody is shown as it is; none for a picture without a vector. Raises Unavailable as ``nearest``.
    """
    vector = stored.queries(encoder, [image_id]).get(image_id)
    if vector is None:
        return []
    question = Question(encoder, vector, k=k + 1, min_score=min_score)
    with bounded() as asking:
        sought = scope.everything(encoder)
        few = sought.candidates <= conf.get().exact_candidates
        found = None if few else approximate(question, sought, asking=asking)
        rows = exact(question, sought, asking=asking) if found is None else found
    return [hit.image_id for hit in _hits(question, rows) if hit.image_id != image_id][:k]


def group_sizes(question: Question, image_ids: Sequence[UUID], *, user: Viewer) -> dict[UUID, int]:
    """Return how many pictures that pass are of the group of each of these, itself included; 1 where it is in none.

    Raises Unavailable as ``nearest``.
    """
    with bounded() as asking:
        sought = scope.resolve(question.filters, encoder=question.encoder, user=user, asking=asking)
        one = Sql("SELECT id, group_key FROM retrieval_image WHERE id = ANY(%s)", (list(image_ids),))
        counted = Sql("SELECT group_key, count(*) ") + sought.rows(of_pictures=True)
        shown = Sql(" AND group_key <> '' AND group_key IN (SELECT group_key FROM shown) GROUP BY group_key")
        sizes = Sql(") SELECT shown.id, coalesce(sizes.count, 1) FROM shown LEFT JOIN sizes USING (group_key)")
        parts = [Sql("WITH shown AS MATERIALIZED ("), one, Sql("), sizes AS ("), counted, shown, sizes]
        return dict(asking.rows(joined("", parts)))


def exact(question: Question, sought: Scope, *, asking: Asking, after: Sequence[Any] = ()) -> list[Row]:
    """Rank every row of the scope. Adding 0 keeps the planner from an index that finds only most of them.

    ``after`` are the pictures, or groups where groups are asked for, that stand before and are left out.
    """
    what = Sql(GROUP if question.group else "image_id")
    named = [Sql("SELECT image_id, "), question.distance, Sql(" AS distance"), Sql(", "), what, Sql(" AS one ")]
    rows = joined("", [*named, sought.rows(of_pictures=question.group)])
    if after:
        rows += Sql(" AND ") + what + Sql(" <> ALL(%s)", (list(after),))
    if question.group:
        rows = (
            Sql("SELECT DISTINCT ON (one) image_id, distance FROM (")
            + rows
            + Sql(") each ORDER BY one, distance, image_id")
        )
    first, end = max(0, question.offset - len(after)), question.offset + question.k - len(after)
    page = Sql(") ranked ORDER BY distance + 0, image_id LIMIT %s OFFSET %s", (max(0, end - first), first))
    return asking.rows(Sql("SELECT image_id, distance FROM (") + rows + page)


def approximate(question: Question, sought: Scope, *, asking: Asking) -> list[Row] | None:
    """Rank what the index finds, and behind it the rest; None when the exact scan is better or no index is sound.

    However a page lies, the same rows are taken from the index.
    """
    use = _use(question, sought)
    if question.vector is None or use is None:
        return None
    statement = _by_index(question, question.vector, sought=sought, kind=use.kind) + Sql(" LIMIT %s", (use.taken,))
    found = asking.rows(statement, **_wide(use.ef_search))
    if not _enough(found, min(use.taken, sought.candidates)):
        return None
    return _page(question, sought, found, asking=asking)


def _use(question: Question, sought: Scope) -> IndexUse | None:
    """How to ask the index; None where there is none or the exact scan is better."""
    if sought.index is None:
        return None
    kind, rows = sought.index
    share = sought.candidates / max(1, rows)
    if share < UNFILTERED and not sought.more and sought.candidates <= FILTERED_EXACT * conf.get().exact_candidates:
        return None
    taken = _taken(question, kind=kind)
    return IndexUse(kind, rows, max(list_length(rows, share=share), taken), taken)


def _page(question: Question, sought: Scope, found: Sequence[Any], *, asking: Asking) -> list[Row]:
    """The page of what the index found, the best of each group, and of the rest where it ends before the page does."""
    best: dict[Any, Row] = {}
    for image_id, distance, one in sorted(found, key=_nearer):
        best.setdefault(one, (image_id, distance))
    wanted = question.offset + question.k
    rest = exact(question, sought, asking=asking, after=list(best)) if wanted > len(best) else []
    return sorted(list(best.values())[question.offset : wanted] + rest, key=_nearer)


def _nearer(row: Sequence[Any]) -> tuple[float, UUID]:
    """Sorts rows nearest first, ties by id."""
    return row[1], row[0]


def _enough(found: Sized, there: int) -> bool:
    """Whether the index gave what is there; where it did not, the exact scan is better for every page."""
    return len(found) >= there


def _by_index(question: Question, vector: QueryVector, *, sought: Scope, kind: IndexKind) -> Sql:
    """The rows in the index's order, by cosine or by bits: picture, distance as asked for, picture or group."""
    one = GROUP if question.group else "image_id"
    rows = Sql(f" AS distance, {one} ") + sought.rows(of_pictures=question.group)
    order = Sql("distance") if _in_order(question, kind) else KINDS[kind].apart(question.encoder, vector)
    return joined("", [Sql("SELECT image_id, "), question.distance, rows, Sql(" ORDER BY "), order])


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


def _hits(question: Question, rows: Iterable[Row]) -> list[Hit]:
    hits = (Hit(image_id, distance, question.score(distance)) for image_id, distance in rows)
    least = question.min_score
    return list(hits if least is None else takewhile(lambda hit: hit.score >= least, hits))


def _wide(length: int) -> dict[str, str]:
    """The settings of how far the index scan looks."""
    return {
        "hnsw__ef_search": str(length),
        "hnsw__iterative_scan": "relaxed_order",
        "hnsw__max_scan_tuples": str(MOST_VISITED),
    }
