"""Measure whether searches by words say so where nothing fits: a named class left out, other sets asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval import live_encoders
from retrieval.embedding import WordTable, word_query
from retrieval.errors import InvalidInput
from retrieval.matching import Refusals, nearness, of_words, open_set
from retrieval.models import Encoder
from retrieval.services.evaluation.answers import Named

__all__ = ["WordRefusals", "word_refusals"]

PARTS = ("hopeful", "near", "strangers")

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class WordRefusals:
    """Words of one set and language, or of all: how many, with the named class left out, and asked of other sets."""

    name: str
    words: int
    near: Refusals
    strangers: Refusals | None


@dataclass(frozen=True)
class _Asked:
    """How near each word comes to its whole set, to that without its class, and to the sets that nobody asks."""

    name: str
    hopeful: Doubles
    near: Doubles
    strangers: Doubles


def word_refusals(
    encoder: Encoder, sets: Sequence[Named], *, queries: Mapping[str, Mapping[str, Mapping[str, str]]]
) -> list[WordRefusals]:
    """Ask each set for what is on it: ``queries`` has a word for each class, by the set's name and the language.

    The last line is of all words together; sets without queries are strangers to all. Words that the table does not
    know are left out. Raises InvalidInput for an encoder without a word table, and without a set to ask.
    """
    table, calibration = live_encoders.words(encoder), of_words(encoder.calibration)
    if table is None:
        raise InvalidInput.of("name", f"{encoder.name} has no word table; make one with make_word_table.")
    strangers = [each.items.vectors for each in sets if each.name not in queries]
    asked = [
        _ask(each, words, language=language, table=table, strangers=strangers)
        for each in sets
        for language, words in queries.get(each.name, {}).items()
    ]
    if not asked:
        raise InvalidInput.of("folders", f"None of these sets has queries; there are some for {', '.join(queries)}.")
    together = _Asked("all", *(np.concatenate([getattr(each, part) for each in asked]) for part in PARTS))
    least = calibration.nothing_below if calibration else None
    return [_told(each, nothing_below=least) for each in [*asked, together]]


def _ask(
    one: Named, words: Mapping[str, str], *, language: str, table: WordTable, strangers: Sequence[Floats]
) -> _Asked:
    items, classes = one.items.vectors, np.array(one.items.classes)[one.items.labels]
    said = {name: word_query.understand(text, table).wanted for name, text in words.items()}
    known = {name: vector for name, vector in said.items() if vector is not None}
    return _Asked(
        f"{one.name} {language}",
        hopeful=np.array([nearness(items @ word) for word in known.values()]),
        near=np.array([nearness(items[classes != name] @ word) for name, word in known.items()]),
        strangers=np.array([nearness(other @ word) for word in known.values() for other in strangers]),
    )


def _told(asked: _Asked, *, nothing_below: float | None) -> WordRefusals:
    near, *strange = (
        open_set.refusals(asked.hopeful, hopeless, nothing_below=nothing_below)
        for hopeless in (asked.near, asked.strangers)
        if len(hopeless)
    )
    return WordRefusals(asked.name, len(asked.hopeful), near, strange[0] if strange else None)
