"""An answer that varies, that shows one of each group, and what its pictures have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from retrieval import matching
from retrieval.errors import InvalidInput
from retrieval.models import Image
from retrieval.search import Question, Ranked, stored

Floats = NDArray[np.float32]
FoundBy = Mapping[UUID, tuple[str, ...]]
Answered = tuple[Ranked, FoundBy]

# So many of the nearest are put in another order; behind them the answer goes on as it was.
REORDERED = 200
MOST_SHARES = 10


@dataclass(frozen=True)
class Share:
    """How many of the pictures of an answer have a tag, or are of a group; ``share`` is that from 0 to 1."""

    name: str
    count: int
    share: float


@dataclass(frozen=True)
class Shares:
    """The most frequent tags and groups among the pictures of one answer, most first."""

    tags: tuple[Share, ...] = ()
    groups: tuple[Share, ...] = ()


def shares(images: Sequence[Image]) -> Shares:
    """Count the tags and groups of these pictures."""
    tags = Counter(tag for image in images for tag in set(image.tags))
    groups = Counter(image.group_key for image in images if image.group_key)
    return Shares(_most(tags, of=len(images)), _most(groups, of=len(images)))


def varied(question: Question, ask: Callable[[Question], Answered], *, diversity: float) -> Answered:
    """Answer with the first REORDERED by maximal marginal relevance, so that pages neither repeat nor miss a picture.

    Raises InvalidInput where there is no vector to compare by.
    """
    if not diversity:
        return ask(question)
    if question.vector is None:
        raise InvalidInput.of("diversity", "Only what is found by its look or by the meaning of words can be varied.")
    first, found_by = ask(replace(question, offset=0, k=REORDERED))
    known = stored.queries(question.encoder, [hit.image_id for hit in first.hits])
    hits = [hit for hit in first.hits if hit.image_id in known]
    order = matching.varied(question.vector.unit, _units(known[hit.image_id].unit for hit in hits), diversity=diversity)
    begins, end = question.offset, question.offset + question.k
    page = [hits[place] for place in order[begins:end]]
    if end > REORDERED and len(first.hits) == REORDERED:
        begins = max(begins, REORDERED)
        rest, more = ask(replace(question, offset=begins, k=end - begins))
        page, found_by = page + rest.hits, {**found_by, **more}
    return replace(first, hits=page, first=() if question.offset else first.first), found_by


def _units(vectors: Iterable[Floats]) -> Floats:
    rows = list(vectors)
    return np.stack(rows) if rows else np.empty((0, 1), np.float32)


def _most(counted: Counter[str], *, of: int) -> tuple[Share, ...]:
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Share(name, count, count / of) for name, count in ordered[:MOST_SHARES])
