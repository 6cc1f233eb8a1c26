"""What a concept says of the library: pictures to ask about next, and pictures that look like it."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from retrieval.errors import Conflict, InvalidInput, Unavailable
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


@dataclass(frozen=True)
class Lesson:
    """What to ask next, and what looks like it by what it was taught so far, the likeliest first."""

    asked: Sequence[Likely] = ()
    likely: Sequence[Likely] = ()


def lesson(concept_id: UUID, *, user: User, passed: Collection[UUID] = ()) -> Lesson:
    """Return both of one ranking; ``passed`` are not asked about. Empty as long as nothing can be fitted.

    Raises NotFound, and what a search raises.
    """
    row = concepts.get(concept_id, user=user)
    try:
        ranked = _ranked(row, user=user, most=MOST)
    except Conflict:
        return Lesson()
    open_ones = [each for each in ranked if each[0] not in passed]
    places = logistic.to_ask([margin for _, margin in open_ones], most=TEACHES)
    asked = _shown([open_ones[place] for place in places], user=user)
    return Lesson(asked, _untagged(row, ranked, user=user))


def told(concept_id: UUID, *, user: User, most: int = MOST) -> list[tuple[Image, bool]]:
    """Return the latest examples that the person sees, and whether each is it. Raises NotFound."""
    row = concepts.get(concept_id, user=user)
    said = ConceptExample.objects.filter(concept=row, image__in=Image.objects.visible_to(user))
    return [(each.image, each.right) for each in said.select_related("image").order_by("-clicked_at", "image")[:most]]


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
    return _untagged(row, _ranked(row, user=user, most=most), user=user)[:most]


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


def _untagged(row: Concept, ranked: Sequence[tuple[UUID, float]], *, user: User) -> list[Likely]:
    """Those more like it than not that are not tagged with its name yet."""
    likely = [(pk, margin) for pk, margin in ranked if margin > 0]
    return [each for each in _shown(likely, user=user) if row.name not in each.image.tags]


def _shown(ranked: list[tuple[UUID, float]], *, user: User) -> list[Likely]:
    """The pictures in their order; one that was hidden or deleted this very moment is left out."""
    images = Image.objects.visible_to(user).defer("words").in_bulk([pk for pk, _ in ranked])
    return [Likely(images[pk], 1 / (1 + math.exp(-margin))) for pk, margin in ranked if pk in images]
