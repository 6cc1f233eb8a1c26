"""The small table that sets the three measures side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from retrieval.models import Image
from retrieval.services.searching.search import SearchAnswer

TOP = 5


@dataclass(frozen=True)
class Row:
    """One picture and its rank by each measure, None where it is not among the nearest that were asked for."""

    image: Image
    ranks: list[int | None]


@dataclass(frozen=True)
class Table:
    """The measures, and the pictures that at least one of them puts among its first."""

    measures: list[str]
    rows: list[Row]
    depth: int


def ranks(answers: Mapping[str, SearchAnswer]) -> Table:
    """Return every picture that is among the first five of any measure, with its rank by all, best first."""
    places = {name: {hit.image.id: hit.rank for hit in answer.hits} for name, answer in answers.items()}
    images = {hit.image.id: hit.image for answer in answers.values() for hit in answer.hits if hit.rank <= TOP}
    rows = [Row(image, [places[name].get(key) for name in answers]) for key, image in images.items()]
    depth = max((len(answer.hits) for answer in answers.values()), default=0)
    rows.sort(key=lambda row: sum(depth + 1 if rank is None else rank for rank in row.ranks))
    return Table(list(answers), rows, depth)
