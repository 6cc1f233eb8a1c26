"""What a concept says of the library: pictures to ask about next, and pictures that look like it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from retrieval.errors import InvalidInput, Unavailable
from retrieval.matching import logistic
from retrieval.models import Concept, ConceptExample, Encoder, Image
from retrieval.search import Filters, Question, nearest
from retrieval.services.searching import concepts

if TYPE_CHECKING:
    from django.contrib.auth.models import User

LOOKED_AT = 200  # of the nearest
MOST = 200
TEACHES = 12


@dataclass(frozen=True)
class Likely:
    """A picture, and how much like the concept it is: above one half more like what is it than like what is not."""

    image: Image
    score: float


def to_ask(concept_id: UUID, *, user: User, most: int = TEACHES) -> list[Likely]:
    """Return the pictures whose clicks would teach the most, half of them likely and half doubtful, none clicked yet.

    Raises NotFound, Conflict (concept_untaught), InvalidInput (k), and what a search raises.
    """
    ranked = _ranked(concepts.get(concept_id, user=user), user=user, most=most)
    asked = logistic.to_ask([margin for _, margin in ranked], most=most)
    return _shown([ranked[place] for place in asked], user=user)


def suggestions(concept_id: UUID, *, user: User, most: int = MOST) -> list[Likely]:
    """Return the likeliest pictures that are more like it than not, neither clicked nor tagged with its name yet.

    Raises as ``to_ask``.
    """
    row = concepts.get(concept_id, user=user)
    likely = [(pk, margin) for pk, margin in _ranked(row, user=user, most=most) if margin > 0]
    return [each for each in _shown(likely, user=user) if row.name not in each.image.tags][:most]


def _ranked(row: Concept, *, user: User, most: int) -> list[tuple[UUID, float]]:
    """The nearest that nobody has clicked, with their margins, falling."""
    if not 1 <= most <= MOST:
        raise InvalidInput.of("k", f"Between 1 and {MOST}.")
    encoder = Encoder.objects.active()
    if encoder is None:
        raise Unavailable("No encoder is active yet.", code="no_encoder")
    direction = concepts.direction(row, user=user, encoder=encoder)
    clicked = tuple(ConceptExample.objects.filter(concept=row).values_list("image_id", flat=True))
    question = Question(encoder, direction.query, filters=Filters(exclude=clicked), k=LOOKED_AT)
    return [(hit.image_id, direction.margin(hit.score)) for hit in nearest(question, user=user).hits]


def _shown(ranked: list[tuple[UUID, float]], *, user: User) -> list[Likely]:
    """The pictures in their order; one that was hidden or deleted this very moment is left out."""
    images = Image.objects.visible_to(user).defer("words").in_bulk([pk for pk, _ in ranked])
    return [Likely(images[pk], 1 / (1 + math.exp(-margin))) for pk, margin in ranked if pk in images]
