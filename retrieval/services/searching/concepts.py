"""Concepts: taught by clicks, fitted to the vectors of the active encoder, and searched with like a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from unicodedata import normalize
from uuid import UUID

import numpy as np
from django.db import transaction
from django.db.models import Count, Q, QuerySet

from retrieval.errors import Conflict, InvalidInput, NotFound
from retrieval.matching import Examples, Grasp, logistic
from retrieval.models import Concept, ConceptExample, Encoder, Image
from retrieval.models.bounds import TAG_LENGTH
from retrieval.search import Floats, Near, QueryVector, moments, stored
from retrieval.services.people import accounts

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from retrieval.models.collections import Viewer

BACKGROUND = 500
MOST_CONCEPTS, MOST_EXAMPLES, MOST_AT_ONCE = 500, 2_000, 200
LIBRARIES = 8  # whose background is kept


@dataclass(frozen=True)
class Clicks:
    """Pictures that are it, that are not, and of which nothing is said any more."""

    yes: Sequence[UUID] = ()
    no: Sequence[UUID] = ()
    forget: Sequence[UUID] = ()

    @property
    def all(self) -> set[UUID]:
        """Every picture named."""
        return {*self.yes, *self.no, *self.forget}


@dataclass(frozen=True)
class Direction:
    """A fitted concept: its query of length 1, and the margin w.u + b of a picture by its cosine with that query."""

    query: QueryVector
    steepness: float
    offset: float

    def margin(self, cosine: float) -> float:
        """Positive where a picture of this cosine is more like the right examples than like the others."""
        return self.steepness * cosine + self.offset

    @property
    def least(self) -> float:
        """The cosine from which on it says yes: the margin is 0, which is a chance of one half."""
        return -self.offset / self.steepness if self.steepness else 1.0


def listing(user: Viewer) -> QuerySet[Concept]:
    """Return a person's concepts, newest first, with how many examples are right (``yes``) and wrong (``no``)."""
    right, wrong = Q(examples__right=True), Q(examples__right=False)
    mine = Concept.objects.filter(user_id=user.pk or 0)
    return mine.annotate(yes=Count("examples", filter=right), no=Count("examples", filter=wrong))


def get(concept_id: UUID, *, user: Viewer) -> Concept:
    """Return one of the person's concepts, as ``listing`` does. Raises NotFound."""
    found = listing(user).filter(pk=concept_id).first()
    if found is None:
        raise NotFound("There is no such concept.")
    return found


def grasp(row: Concept) -> Grasp:
    """How well it is known, in a word."""
    return logistic.grasp(row.knows)


def create(name: str, clicks: Clicks, *, user: User) -> Concept:
    """Make a concept, taught by these clicks. Raises InvalidInput (name, yes, no), NotFound for a hidden picture."""
    with transaction.atomic():
        if Concept.objects.filter(user=user).count() >= MOST_CONCEPTS:
            raise InvalidInput.of("name", f"You have {MOST_CONCEPTS} concepts already; remove one first.")
        row = Concept.objects.create(user=user, name=_name(name))
        accounts.record(user, "concept.create", row)
        _teach(row, clicks, user=user)
    return get(row.pk, user=user)


def teach_by_name(name: str, clicks: Clicks, *, user: User) -> Concept:
    """Teach the latest concept of this name, or a new one where there is none. Raises as ``create`` and ``teach``."""
    known = listing(user).filter(name=normalize("NFC", name.strip())).first()
    return teach(known.pk, clicks, user=user) if known else create(name, clicks, user=user)


def rename(concept_id: UUID, name: str, *, user: User) -> Concept:
    """Give a concept another name. Raises NotFound, InvalidInput."""
    row = get(concept_id, user=user)
    row.name = _name(name)
    row.save(update_fields=["name"])
    return row


def remove(concept_id: UUID, *, user: User) -> None:
    """Remove a concept with its clicks, on the trail. Raises NotFound."""
    row = get(concept_id, user=user)
    with transaction.atomic():
        accounts.record(user, "concept.remove", row)
        row.delete()


def teach(concept_id: UUID, clicks: Clicks, *, user: User) -> Concept:
    """Keep what was clicked, the later click of two on one picture, and fit anew.

    Raises NotFound for another's concept or a picture that the person does not see, and InvalidInput (yes, no) for one
    that is both or for too many.
    """
    with transaction.atomic():
        row = Concept.objects.select_for_update(no_key=True).filter(pk=concept_id, user=user).first()
        if row is None:
            raise NotFound("There is no such concept.")
        _teach(row, clicks, user=user)
    return get(concept_id, user=user)


def narrowing(concept_id: UUID | None, *, user: Viewer, encoder: Encoder) -> Near | None:
    """Only pictures that the concept, if any, says yes to. Raises NotFound, and as ``direction``."""
    if concept_id is None:
        return None
    taught = direction(get(concept_id, user=user), user=user, encoder=encoder)
    return Near(encoder.pk, taught.query, taught.least)


def direction(row: Concept, *, user: Viewer, encoder: Encoder) -> Direction:
    """Return what is fitted, anew where encoder or examples are others by now: gone, hidden, or read since.

    Raises Conflict (concept_untaught) where nothing can be fitted yet.
    """
    if row.encoder_id != encoder.pk or row.direction is None or row.fitted_to != _told(row, user, encoder).count():
        _fit(row, user=user, encoder=encoder)
    if row.direction is None:
        raise Conflict("Show it a picture that is it, and one that is not.", code="concept_untaught")
    weights = np.frombuffer(bytes(row.direction), "<f4")
    steepness = float(np.linalg.norm(weights))
    unit = (weights / steepness).astype(np.float32) if steepness else weights
    return Direction(QueryVector.of(unit, length=1.0), steepness, row.offset)


def _teach(row: Concept, clicks: Clicks, *, user: User) -> None:
    _check(clicks)
    if Image.objects.visible_to(user).filter(pk__in=clicks.all).count() < len(clicks.all):
        raise NotFound("There is no such picture.")
    ConceptExample.objects.filter(concept=row, image_id__in=list(clicks.forget)).delete()
    said = [(pk, True) for pk in dict.fromkeys(clicks.yes)] + [(pk, False) for pk in dict.fromkeys(clicks.no)]
    ConceptExample.objects.bulk_create(
        [ConceptExample(image_id=pk, concept=row, user=user, right=right) for pk, right in sorted(said)],
        update_conflicts=True, unique_fields=["image", "concept"], update_fields=["right", "user", "clicked_at"],
    )  # fmt: skip
    if row.examples.count() > MOST_EXAMPLES:
        raise InvalidInput.of("yes", f"A concept has at most {MOST_EXAMPLES} examples.")
    if encoder := Encoder.objects.active():
        _fit(row, user=user, encoder=encoder)


def _check(clicks: Clicks) -> None:
    for name, said in (("yes", clicks.yes), ("no", clicks.no), ("forget", clicks.forget)):
        if len(said) > MOST_AT_ONCE:
            raise InvalidInput.of(name, f"At most {MOST_AT_ONCE} at once.")
    if set(clicks.yes) & set(clicks.no) or set(clicks.forget) & {*clicks.yes, *clicks.no}:
        raise InvalidInput.of("no", "A picture is one of yes, no and forget.")


def _told(row: Concept, user: Viewer, encoder: Encoder) -> QuerySet[ConceptExample]:
    """The examples that count: of pictures that the person sees, and the encoder has read."""
    seen = Image.objects.visible_to(user).filter(stored.has_vector(encoder))
    return ConceptExample.objects.filter(concept=row, image__in=seen)


def _fit(row: Concept, *, user: Viewer, encoder: Encoder) -> None:
    """Fit and keep it; one that has no right example, or nothing beside them, is kept without a direction."""
    told = dict(_told(row, user, encoder).values_list("image_id", "right"))
    found, examples = None, _examples(told, user=user, encoder=encoder)
    if len(examples.right) and len(examples.wrong) + len(examples.background):
        found = logistic.fit(examples)
    row.encoder, row.fitted_to = encoder, len(told)
    row.direction = found.direction.astype("<f4").tobytes() if found else None
    row.offset, row.knows = (found.offset, logistic.knows(examples, found)) if found else (0.0, None)
    row.save(update_fields=["encoder", "fitted_to", "direction", "offset", "knows"])


def _examples(told: dict[UUID, bool], *, user: Viewer, encoder: Encoder) -> Examples:
    units = {pk: query.unit for pk, query in stored.queries(encoder, told).items()}
    library = moments.parts(encoder, user=user, collections=None)
    drawn = _background(library, encoder) if library else {}
    background = [unit for pk, unit in drawn.items() if pk not in told][:BACKGROUND]
    sides = [[units[pk] for pk in sorted(units) if told[pk] is side] for side in (True, False)]
    return Examples(*(_rows(rows, encoder) for rows in (*sides, background)))


@lru_cache(maxsize=LIBRARIES)
def _background(library: tuple[moments.Part, ...], encoder: Encoder) -> dict[UUID, Floats]:
    """Pictures drawn from these collections, read anew when their vectors change; some more than are needed."""
    return stored.drawn(encoder, within=[part.collection for part in library], most=2 * BACKGROUND)


def _rows(units: Sequence[Floats], encoder: Encoder) -> Floats:
    return np.stack(units) if units else np.empty((0, encoder.dimension), np.float32)


def _name(text: str) -> str:
    name = normalize("NFC", text.strip())  # as tags are
    if not 1 <= len(name) <= TAG_LENGTH or "\x00" in name:
        raise InvalidInput.of("name", f"A name has 1 to {TAG_LENGTH} characters, without null characters.")
    return name
