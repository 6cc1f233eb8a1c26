"""Looking further: a query moved by its gallery and its likely neighbours, and hits in the light of each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np

from retrieval.errors import InvalidInput
from retrieval.matching import Calibration, Exemplar, Moments, expansion
from retrieval.models import Measure
from retrieval.search import Floats, QueryVector, Question, Ranked, moments, nearest, stored
from retrieval.services.searching import verdicts

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer

SETS = 16  # of collections whose inverse covariance is kept


@dataclass(frozen=True)
class Gallery:
    """What a search looks at: the collections that the person may see, as a whole."""

    question: Question
    calibration: Calibration
    exemplar: Exemplar
    user: Viewer

    @classmethod
    def of(cls, question: Question, *, user: Viewer) -> Gallery:
        """Read what is needed of it. Raises InvalidInput (expand) where nothing tells which hits are likely."""
        calibration = verdicts.calibration_of(question.encoder)
        if calibration is None or question.measure != Measure.COSINE:
            raise InvalidInput.of("expand", "Looking further takes cosine, and an encoder that is calibrated.")
        parts = moments.parts(question.encoder, user=user, collections=question.filters.collections)
        return cls(question, calibration, _exemplar(parts, dimension=question.encoder.dimension), user)

    def nearest(self, unit: Floats, *, k: int) -> Ranked:
        """Return the nearest to a unit vector (D,), with distances to it."""
        asked = replace(self.question, vector=QueryVector.of(unit, length=1.0), k=k, offset=0, min_score=None)
        return nearest(asked, user=self.user)

    def vectors(self, ids: Sequence[UUID]) -> tuple[list[UUID], Floats]:
        """Return the unit vectors (n, D) of those pictures that still have one, in their order."""
        found = stored.queries(self.question.encoder, ids)
        there = [image_id for image_id in ids if image_id in found]
        empty = np.empty((0, self.question.encoder.dimension), np.float32)
        return there, np.stack([found[image_id].unit for image_id in there]) if there else empty


def ranked(question: Question, *, asked_with: Sequence[UUID], user: Viewer) -> Ranked:
    """Rank by a query that looks further; hits keep their distance and score to the query itself.

    The nearest stays the first. Behind it come at most ``expansion.SHORTLIST`` pictures and nothing more.
    ``asked_with``: the stored pictures of the query, which are no neighbours of their own. Raises InvalidInput
    (expand) where it cannot be done; Unavailable as ``nearest``.
    """
    if question.vector is None:
        raise InvalidInput.of("expand", "Looking further takes a picture.")
    gallery, query = Gallery.of(question, user=user), question.vector.unit
    plain = gallery.nearest(query, k=verdicts.NEIGHBOURS)
    direction = gallery.exemplar.directions(_moved(gallery, query, plain=plain, asked_with=asked_with)[None])[0]
    shortlist = gallery.nearest(direction, k=expansion.SHORTLIST)
    ids, vectors = gallery.vectors([hit.image_id for hit in shortlist.hits])
    order = expansion.reranked(direction, vectors, mean=gallery.exemplar.mean.astype(np.float32))
    best = dict.fromkeys([*(hit.image_id for hit in plain.hits[:1]), *(ids[place] for place in order)])
    page = list(best)[question.offset : question.offset + question.k]
    first = () if question.offset else plain.first
    return replace(
        _scored(question, page, user=user),
        exact=plain.exact and shortlist.exact,
        candidates=plain.candidates,
        first=first,
    )


def _moved(gallery: Gallery, query: Floats, *, plain: Ranked, asked_with: Sequence[UUID]) -> Floats:
    """The query (D,) with those of its neighbours that are likely."""
    direction = gallery.exemplar.directions(query[None])[0]
    near = gallery.nearest(direction, k=expansion.NEIGHBOURS + len(asked_with)).hits
    others = [hit.image_id for hit in near if hit.image_id not in asked_with][: expansion.NEIGHBOURS]
    _, vectors = gallery.vectors(others)
    likely = expansion.likely(query, vectors, calibration=gallery.calibration, candidates=plain.candidates)
    return expansion.expanded(query, likely, mean=gallery.exemplar.mean.astype(np.float32))


def _scored(question: Question, page: Sequence[UUID], *, user: Viewer) -> Ranked:
    """These pictures in their order, with their distances to the query itself."""
    only = replace(question.filters, only=tuple(page))
    found = nearest(replace(question, filters=only, k=max(len(page), 1), offset=0, group=False), user=user)
    places = {image_id: place for place, image_id in enumerate(page)}
    return replace(found, hits=sorted(found.hits, key=lambda hit: places[hit.image_id]))


@lru_cache(maxsize=SETS)
def _exemplar(parts: tuple[moments.Part, ...], *, dimension: int) -> Exemplar:
    """The exemplar of these collections together, kept for the sets asked last."""
    total = Moments(0, np.zeros(dimension), np.zeros((dimension, dimension)))
    for part in parts:
        sums = moments.of(part, dimension=dimension)
        total = total + Moments(sums.count, sums.total, sums.products)
    return Exemplar.of(total)
