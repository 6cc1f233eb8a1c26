"""Two rankings of one question as one: where the words' meaning lies among the pictures, and where they are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice, takewhile
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

    ``exact`` when both rankings are; ``candidates`` are those among which the meaning was sought.
    """
    whole = replace(question, offset=0, min_score=None, group=False)
    by_meaning = replace(whole, filters=replace(question.filters, words=None), k=BY_MEANING)
    meant = nearest(by_meaning, user=user)
    written = nearest(replace(whole, vector=None, k=BY_WORDS), user=user)
    hits, found = reciprocal_ranks({MEANING: _ids(meant.hits), WORDS: _ids(written.hits)})
    if (wanted := question.offset + question.k) > len(hits) and len(meant.hits) == BY_MEANING:
        meant = nearest(replace(by_meaning, k=wanted + BY_WORDS), user=user)
        rest = _rest(meant.hits, shown=set(found))
        hits, found = hits + rest, found | {hit.image_id: (MEANING,) for hit in rest}
    kept: Iterable[Hit] = _best_of_groups(hits) if question.group else hits
    if (least := question.min_score) is not None:
        kept = takewhile(lambda hit: hit.score >= least, kept)
    page = list(islice(kept, question.offset, wanted))
    return Ranked(page, exact=meant.exact and written.exact, candidates=meant.candidates), found


def _hit(image_id: UUID, score: float) -> Hit:
    return Hit(image_id, 1 - score, score)


def _ids(hits: Sequence[Hit]) -> list[UUID]:
    return [hit.image_id for hit in hits]


def _rest(hits: Sequence[Hit], *, shown: set[UUID]) -> list[Hit]:
    """What follows by meaning alone, with the scores that its ranks give."""
    best = 2 / (SMOOTHING + 1)
    ranked = [(hit.image_id, 1 / (SMOOTHING + rank) / best) for rank, hit in enumerate(hits, 1)]
    return [_hit(image_id, score) for image_id, score in ranked if image_id not in shown]


def _best_of_groups(hits: Sequence[Hit]) -> list[Hit]:
    """The first of each group, chosen last: each ranking alone would choose another picture of it."""
    ids = [hit.image_id for hit in hits]
    groups = dict(Image.objects.filter(pk__in=ids).exclude(group_key="").values_list("pk", "group_key"))
    first: dict[str | UUID, Hit] = {}
    for hit in hits:
        first.setdefault(groups.get(hit.image_id, hit.image_id), hit)
    return list(first.values())
