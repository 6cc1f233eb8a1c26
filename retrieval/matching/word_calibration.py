"""Calibration of words: what the scores of pictures that the meaning of a word finds are worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import InvalidInput
from retrieval.matching.calibration import (
    DEPTH,
    LEAST_QUERIES,
    Calibration,
    Hits,
    chance,
    equal_weights,
)
from retrieval.matching.curves import Curve, Tail
from retrieval.matching.open_set import FALSE_ALARMS, NEIGHBOURS

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

WORDS = "words"  # the part of what is kept of an encoder's calibration that is for words
SHARES = (1.0, 0.3)  # of a source's pictures that are asked, so that galleries of several sizes are


@dataclass(frozen=True)
class AskedWord:
    """A word's unit vector (D,) by a table that was made without the ``own`` ones of N pictures, those of ``source``.

    ``shows`` (N,) are the pictures that show it, of any source: ``known`` tells whether the table learned it from
    others.
    """

    vector: Floats
    source: str
    own: Mask
    shows: Mask

    @property
    def known(self) -> bool:
        """Whether other sources show it too."""
        return bool((self.shows & ~self.own).any())


def of_words(kept: Mapping[str, Any]) -> Calibration | None:
    """The part for words of what is kept of an encoder's calibration, None where there is none. Raises InvalidInput."""
    return Calibration.from_dict(kept[WORDS]) if WORDS in kept else None


def nearness(cosines: NDArray[np.floating]) -> float:
    """The mean of the best five of a word's cosines (N,); 0 where there is none.

    Words lie apart from all pictures, so that the middle of the nearest, which ``open_set.closeness`` looks at, tells
    less: this told best of five statistics whether a class that is named is there.
    """
    best = np.sort(cosines)[::-1][:NEIGHBOURS]
    return float(best.mean()) if len(best) else 0.0


def fit_words(gallery: Floats, asked: Sequence[AskedWord], *, seed: int = 0) -> Calibration:
    """Fit a calibration on words asked of their sources' part of unit vectors (N, D), every source weighing the same.

    Pictures that do not show a word are its strangers. ``nothing_below`` is the ``nearness`` that FALSE_ALARMS of the
    known words stay below: of words that a table never learned it cannot tell. Raises InvalidInput for too few words.
    """
    known = [each for each in asked if each.known]
    if len(known) < LEAST_QUERIES:
        raise InvalidInput.of("data", f"Calibrating needs at least {LEAST_QUERIES} names that two sources show.")
    strangers = _strangers(gallery, asked)
    hits = list(_hits(gallery, asked, np.random.default_rng(seed)))
    sources = np.unique([each.source for each in asked], return_inverse=True)[1]
    growth, right = chance(hits, np.repeat(equal_weights(sources), len(SHARES)), strangers=strangers)
    near = [nearness(gallery[each.own] @ each.vector) for each in known]
    return Calibration(
        strangers=strangers,
        right=right,
        growth=growth,
        nothing_below=float(np.quantile(near, FALSE_ALARMS)),
        fitted_on={"words": len(asked), "pictures": len(gallery), "sets": len(np.unique(sources))},
    )


def _strangers(gallery: Floats, asked: Sequence[AskedWord]) -> Curve:
    """Score -> log10 share of the pairs of a word and an unrelated picture that score as high."""
    tail = Tail()
    for each in asked:
        tail.add(gallery[~each.shows] @ each.vector)
    return tail.curve()


def _hits(gallery: Floats, asked: Sequence[AskedWord], generator: np.random.Generator) -> Iterator[Hits]:
    """Each word's hits in all of its source's pictures, then in a part of them."""
    for each in asked:
        own = np.flatnonzero(each.own)
        scores = gallery[own] @ each.vector
        for share in SHARES:
            there = np.flatnonzero(generator.random(len(own)) < share)
            first = there[np.argsort(-scores[there], kind="stable")[:DEPTH]]
            yield Hits(scores[first], each.shows[own[first]], count=len(there), closeness=nearness(scores[first]))
