"""A collection as people judged it: stored vectors and grades of answers, ready to be measured like a labelled set."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
from django.db.models import Avg, QuerySet

from retrieval.errors import InvalidInput
from retrieval.evaluation import RELEVANT, Grades, LabelledSet
from retrieval.models import Collection, ConceptExample, Encoder, Image, Judgement
from retrieval.progress import Progress
from retrieval.services.evaluation.labelled import Measurable, stored_vectors

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from retrieval.models.collections import Viewer

Pairs = dict[tuple[str, str], float]
"""The mean grade by the ids of query and answer."""


@dataclass(frozen=True)
class CollectionJudgements:
    """The judgements in a collection, everybody's together, over the pictures that this person sees.

    ``user`` None is the operator at the terminal, who sees every picture. Pictures that are not yet embedded by every
    encoder asked for are passed over, and so are judgements of them.
    """

    collection: Collection
    user: Viewer | None

    def load(self, rows: Sequence[Encoder], *, progress: Progress) -> Measurable:
        """Read stored vectors and grades. Raises InvalidInput when no embedded picture was judged to suit another."""
        pictures = self._seen()
        stored, there = stored_vectors(rows, [item for item, _ in pictures], progress=progress)
        seen = {item: sha for (item, sha), here in zip(pictures, there, strict=True) if here}
        pairs = {pair: grade for pair, grade in self._pairs().items() if seen.keys() >= set(pair)}
        if not any(grade >= RELEVANT for grade in pairs.values()):
            text = "Nobody judged that an embedded picture of this collection suits another one: judge some answers."
            raise InvalidInput.of("collection", text)
        items = tuple(seen)
        return Measurable(
            name=f"collection {self.collection.pk} by judgements",
            digest=_digest(seen, pairs),
            galleries=tuple(
                LabelledSet(
                    vectors=vectors,
                    labels=np.zeros(len(items), np.int64),
                    classes=("all",),
                    items=items,
                )
                for vectors in stored
            ),
            grades=_grades(items, pairs),
        )

    def _seen(self) -> list[tuple[str, str]]:
        """Each picture with the digest of its bytes, oldest first."""
        images = Image.objects.alive() if self.user is None else Image.objects.visible_to(self.user)
        rows = images.filter(collection=self.collection).order_by("pk").values_list("pk", "sha256")
        return [(str(pk), sha) for pk, sha in rows]

    def _pairs(self) -> Pairs:
        rows = Judgement.objects.filter(collection=self.collection).values_list("query_id", "answer_id")
        return {(str(query), str(answer)): float(grade) for query, answer, grade in rows.annotate(Avg("grade"))}


def alike(images: QuerySet[Image]) -> dict[UUID, str]:
    """A label for each of these pictures that people judged to suit another of them, or another to suit it.

    By the mean of everybody's grades. Pictures joined by a chain of such pairs have one label: the smallest id.
    """
    among = Judgement.objects.filter(query__in=images, answer__in=images)
    means = among.values_list("query_id", "answer_id").annotate(mean=Avg("grade"))
    label: dict[UUID, UUID] = {}
    members: dict[UUID, list[UUID]] = {}
    for query, answer, _ in means.filter(mean__gte=RELEVANT):
        low, high = sorted(label.get(one, one) for one in (query, answer))
        joined = members.pop(low, [low]) + (members.pop(high, [high]) if low != high else [])
        label |= dict.fromkeys(joined, low)
        members[low] = joined
    return {one: str(lowest) for one, lowest in label.items()}


def clicked(images: QuerySet[Image], *, user: User | None) -> dict[UUID, str]:
    """The concept that each of these pictures is, as somebody clicked; the one taught first where it is several.

    Concepts are seen by whoever teaches them alone; ``user`` None is the operator at the terminal, for whom all count.
    """
    found = ConceptExample.objects.filter(image__in=images, right=True).order_by("-concept_id")
    mine = found if user is None else found.filter(concept__user=user)
    return {image: str(concept) for image, concept in mine.values_list("image_id", "concept_id")}


def _grades(items: Sequence[str], pairs: Pairs) -> Grades:
    """The pairs by numbers; the queries stand in the order of the items."""
    number = {item: position for position, item in enumerate(items)}
    asked = sorted({number[query] for query, _ in pairs})
    place = {position: row for row, position in enumerate(asked)}
    return Grades(
        asked=np.array(asked, np.int64),
        query=np.array([place[number[query]] for query, _ in pairs], np.int64),
        answer=np.array([number[answer] for _, answer in pairs], np.int64),
        grade=np.array(list(pairs.values()), np.float64),
    )


def _digest(seen: dict[str, str], pairs: Pairs) -> str:
    """One SHA-256 over the pictures' contents and what was said of them, whatever their ids and order."""
    said = (f"{seen[query]} {seen[answer]} {grade!r}" for (query, answer), grade in pairs.items())
    lines = [*sorted(seen.values()), *sorted(said)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
