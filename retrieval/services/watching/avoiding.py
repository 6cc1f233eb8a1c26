"""What was wrong is avoided: a watch's query moved away from it, and from where on it then fires."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

from retrieval.models import Alert, AlertVerdict, Encoder, Image, Watch
from retrieval.search import Near, QueryVector, Question, nearest, stored, vectors

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer

MOST = 200  # verdicts that count, the latest
STEP, DECIMALS = 0.001, 3  # of a score; vectors are kept in half precision
ROUNDING = 1e-6  # of a step


@dataclass(frozen=True)
class Avoiding:
    """A question moved away from what was wrong, the cosine from which it fires, and how many wrong ones it avoids."""

    question: Question
    least: float
    avoids: int


@dataclass(frozen=True)
class _Said:
    """Vectors of alerts' pictures by what was said of them; ``settled``: the wrong ones that a score was set with."""

    right: dict[UUID, QueryVector]
    wrong: dict[UUID, QueryVector]
    settled: dict[UUID, QueryVector]


def avoiding(row: Watch, question: Question, least: float, *, own: Sequence[UUID], user: Viewer) -> Avoiding | None:
    """Move a watch's question away from the pictures that it was wrong about; None where it was about none.

    They are negatives as a search has them (``vectors.combine``). A cosine with the moved query means something else:
    it lets through as many of the other pictures as ``least`` did before, or fewer (``least_after``). A score that the
    person set is kept as what it is: of the query as it was moved by what had been called wrong by then. ``own``: the
    pictures that it asks with, which never fire.
    """
    said = _said(row, question.encoder, user=user)
    if question.vector is None or not said.wrong:
        return None
    before = vectors.combine([question.vector], negatives=list(said.settled.values()))
    moved = vectors.combine([question.vector], negatives=list(said.wrong.values()))
    found = Avoiding(replace(question, vector=moved), least, len(said.wrong))
    if len(said.settled) == len(said.wrong):
        return found
    others = replace(question.filters, words=None, exclude=(*question.filters.exclude, *own, *said.wrong))
    floor = _as_many(replace(question, vector=before, filters=others), least, moved=moved, user=user)
    scores = ([float(each.unit @ moved.unit) for each in side.values()] for side in (said.wrong, said.right))
    return replace(found, least=least_after(floor, *scores))


def least_after(floor: float, wrong: Sequence[float], right: Sequence[float]) -> float:
    """Return the least score, ``floor`` or one just above a wrong one, that errs in the fewest of these scores.

    A wrong one errs that reaches it, a right one that does not. Of several the lowest: what nobody judged goes through.
    """
    steps = [floor, *(_above(score) for score in wrong if score >= floor)]

    def errors(least: float) -> int:
        return sum(score >= least for score in wrong) + sum(score < least for score in right)

    return min(steps, key=lambda least: (errors(least), least))


def _said(row: Watch, encoder: Encoder, *, user: Viewer) -> _Said:
    seen = Alert.objects.filter(watch=row.pk, image__in=Image.objects.visible_to(user)).exclude(verdict="")
    rows = list(seen.order_by("-said_at").values_list("image_id", "verdict", "said_at")[:MOST])
    units = stored.queries(encoder, [image for image, *_ in rows])
    sides: dict[str, dict[UUID, QueryVector]] = {"right": {}, "wrong": {}, "settled": {}}
    for image, verdict, said_at in rows:
        if image not in units:
            continue
        sides[verdict][image] = units[image]
        if verdict == AlertVerdict.WRONG and row.min_score is not None and row.least_set_at and said_at:
            sides["settled"] |= {image: units[image]} if said_at <= row.least_set_at else {}
    return _Said(**sides)


def _as_many(question: Question, least: float, *, moved: QueryVector, user: Viewer) -> float:
    """The score by the moved query from which on as many pictures pass as by the question from ``least`` on.

    Just above all of them where none passed; counted up to the bound of an exact search.
    """
    if question.vector is None:
        return least
    near = replace(question.filters, near=Near(question.encoder.pk, question.vector, least))
    asked = replace(question, k=1, offset=0, exact=True)
    passing = nearest(replace(asked, filters=near), user=user).candidates
    last = nearest(replace(asked, vector=moved, offset=max(passing, 1) - 1), user=user).hits
    if not last:
        return least
    return _below(last[0].score) if passing else _above(last[0].score)


def _below(score: float) -> float:
    return round(math.floor(score / STEP) * STEP, DECIMALS)


def _above(score: float) -> float:
    return round((math.floor(score / STEP + ROUNDING) + 1) * STEP, DECIMALS)
