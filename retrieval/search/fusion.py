"""Two rankings of one question as one: where the words' meaning lies among the pictures, and where they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING
from uuid import UUID

from retrieval.models import Image
from retrieval.search.query import Hit, Question, Ranked, nearest

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer

# The constant of Cormack, Clarke and Buettcher, who found that it matters little.
SMOOTHING = 60
# So far the rankings are read to be fused, on every page alike, so that pages neither repeat nor miss a picture.
# Beyond, the rest of the ranking by meaning follows.
BY_MEANING, BY_WORDS = 200, 1_000
MEANING, WORDS = "meaning", "words"


FoundBy = dict[UUID, tuple[str, ...]]


def reciprocal_ranks(rankings: Mapping[str, Sequence[UUID]]) -> tuple[list[Hit], FoundBy]:
    """Reciprocal rank fusion: sum over rankings of 1 / (60 + rank), here over its largest possible value; ties by id.

    Also returns which rankings have each. A hit's distance is 1 less its score. Cormack, Clarke and Buettcher,
    Reciprocal rank fusion outperforms Condorcet and individual rank learning methods (2009).
    """
    scores: dict[UUID, float] = {}
    found: FoundBy = {}
    for name, ids in rankings.items():
        for rank, image_id in enumerate(ids, 1):
            scores[image_id] = scores.get(image_id, 0.0) + 1 / (SMOOTHING + rank)
            found[image_id] = (*found.get(image_id, ()), name)
    best = max(1, len(rankings)) / (SMOOTHING + 1)
    order = sorted(scores, key=lambda image_id: (-scores[image_id], image_id))
    return [_hit(pk, scores[pk] / best) for pk in order], found


def fused(question: Question, *, user: Viewer) -> tuple[Ranked, FoundBy]:
    """Rank by the question's vector, apart from that by the words of its filters, and fuse. Raises as ``nearest``.

    ``exact`` when both rankings are; ``candidates`` are those among which the meaning was sought, ``first`` the nearest
    to it.
    """
    whole = replace(question, offset=0, min_score=None, group=False)
    by_meaning = replace(whole, filters=replace(question.filters, words=None), k=BY_MEANING)
    meant = nearest(by_meaning, user=user)
    written = nearest(replace(whole, vector=None, k=BY_WORDS), user=user)
    hits, found = reciprocal_ranks({MEANING: _ids(meant.hits), WORDS: _ids(written.hits)})
    groups = _groups(hits) if question.group else {}
    hits = _best_of_groups(hits, groups)
    page = hits[question.offset : question.offset + question.k]
    if len(meant.hits) == BY_MEANING:
        known = replace(
            by_meaning.filters, exclude=(*question.filters.exclude, *found),
            exclude_groups=(*question.filters.exclude_groups, *set(groups.values())),
        )  # fmt: skip
        page += _rest(replace(question, filters=known, min_score=None), after=len(hits), user=user)
    found |= {hit.image_id: (MEANING,) for hit in page if hit.image_id not in found}
    if (least := question.min_score) is not None:
        page = list(takewhile(lambda hit: hit.score >= least, page))
    first, exact = () if question.offset else meant.first, meant.exact and written.exact
    return Ranked(page, exact=exact, candidates=meant.candidates, first=first, index=meant.index), found


def _hit(image_id: UUID, score: float) -> Hit:
    return Hit(image_id, 1 - score, score)


def _ids(hits: Sequence[Hit]) -> list[UUID]:
    return [hit.image_id for hit in hits]


def _rest(question: Question, *, after: int, user: Viewer) -> list[Hit]:
    """What of the page follows so many hits, by meaning alone; its scores are those of ranks behind all fused ones."""
    first, end = max(0, question.offset - after), question.offset + question.k - after
    if end <= first:
        return []
    best, behind = 2 / (SMOOTHING + 1), max(BY_MEANING, BY_WORDS) + 1
    found = nearest(replace(question, offset=first, k=end - first), user=user).hits
    return [_hit(hit.image_id, 1 / (SMOOTHING + rank) / best) for rank, hit in enumerate(found, behind + first)]


def _groups(hits: Sequence[Hit]) -> dict[UUID, str]:
    """The groups of those that are in one."""
    rows = Image.objects.filter(pk__in=_ids(hits)).exclude(group_key="")
    return dict(rows.values_list("pk", "group_key"))


def _best_of_groups(hits: Sequence[Hit], groups: Mapping[UUID, str]) -> list[Hit]:
    """The first of each group, chosen last: each ranking alone would choose another picture of it."""
    first: dict[str | UUID, Hit] = {}
    for hit in hits:
        first.setdefault(groups.get(hit.image_id, hit.image_id), hit)
    return list(first.values())
