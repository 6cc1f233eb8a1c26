"""What the words of a search mean to the active encoder, and how they steer its vector."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retrieval import live_encoders
from retrieval.embedding import word_query
from retrieval.errors import InvalidInput
from retrieval.models import Encoder
from retrieval.search import QueryVector, Words, words

# How much of a direction to avoid is taken away from the query.
AVOIDED = 0.5


@dataclass(frozen=True)
class Meaning:
    """The words of a search: what the encoder's table makes of them, and the words themselves, where they are written.

    ``table`` is its digest, empty without one: then nothing is understood, and the words are only looked for.
    ``without`` are the words that a picture must not have.
    """

    understood: word_query.Understood
    table: str
    words: Words | None
    without: tuple[Words, ...]

    @property
    def known(self) -> bool:
        """Whether there is a table at all."""
        return bool(self.table)


def of(text: str, negatives: Sequence[str], *, encoder: Encoder) -> Meaning:
    """Read a text and the words to avoid; ``-word`` in the text is one of those. Raises InvalidInput, WeightsError.

    Words with "or" between them lie, in the space of pictures, between what each means.
    """
    positive, avoided = words.signed(text)
    without = [*avoided, *negatives]
    table = live_encoders.words(encoder)
    said = " ".join([words.OR.sub(" ", positive), *(f"-{word}" for each in without for word in each.split())])
    understood = word_query.Understood(None, None, (), ()) if table is None else word_query.understand(said, table)
    written = Words.of(positive) if text and not (without and not re.search(r"\w", positive)) else None
    return Meaning(
        understood, "" if table is None else table.digest, written, tuple(Words.of(each) for each in without)
    )


def steered(query: QueryVector | None, meaning: Meaning, *, weight: float) -> QueryVector | None:
    """The query of the pictures and of the words: (1 - weight) of the pictures' unit vector, weight of the words'.

    The direction to avoid is taken away by AVOIDED of it. None when there is neither a picture nor a word that is
    understood. Raises InvalidInput when nothing is left.
    """
    wanted, avoided = meaning.understood.wanted, meaning.understood.avoided
    if wanted is None and (avoided is None or query is None):
        return query
    parts = [] if query is None else [query.unit * (1 if wanted is None else 1 - weight)]
    parts += [] if wanted is None else [wanted * (1 if query is None else weight)]
    parts += [] if avoided is None else [-AVOIDED * avoided]
    total = np.sum(parts, axis=0)
    size = float(np.linalg.norm(total))
    if size < np.finfo(np.float16).tiny:
        raise InvalidInput.of("text", "The words and the pictures cancel each other out.")
    return QueryVector.of((total / size).astype(np.float32), length=1.0 if query is None else query.length)
