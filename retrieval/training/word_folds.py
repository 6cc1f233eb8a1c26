"""Words asked of pictures that they were not learned from: tables made each without one source of pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from retrieval.embedding import word_query
from retrieval.training import word_table as fitting
from retrieval.training.vocabulary import Entry
from retrieval.training.word_table import Lessons, NamedClass, TextEncoder

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Asked:
    """A name's unit vector (D,) by a table that never saw the pictures of ``source``.

    ``own`` (N,) of all pictures of classes are those of the source, ``shows`` (N,) those of classes with this name.
    """

    name: str
    source: str
    vector: Floats
    own: Mask
    shows: Mask


def unlearned(vocabulary: Sequence[Entry], lessons: Lessons, *, text: TextEncoder, rank: int) -> Iterator[Asked]:
    """Ask each source of labelled pictures for the names of its classes, by a table made without it.

    Of the vocabulary only what names a class or stands in a caption goes into these tables, as only that teaches them.
    Sources without which no class is left are passed over. Raises InvalidInput as ``fitting.fit``.
    """
    vocabulary = fitting.teaching(vocabulary, lessons)
    said = dict(zip((each.word for each in vocabulary), _texts(vocabulary, text), strict=True))
    sources = np.array([source for each in lessons.classes for source in each.sources])
    for source in np.unique(sources).tolist():
        rest = replace(lessons, classes=[left for each in lessons.classes if (left := _without(each, source)).sources])
        if rest.classes:
            table = fitting.fit(vocabulary, lessons=rest, text=lambda words: _rows(said, words), rank=rank)
            for name, shows in _names(lessons, source).items():
                vector = word_query.understand(name, table).wanted
                if vector is not None:
                    yield Asked(name, source, vector, own=sources == source, shows=shows)


def _texts(vocabulary: Sequence[Entry], text: TextEncoder) -> Iterator[Floats]:
    words = [each.word for each in vocabulary]
    for start in range(0, len(words), fitting.AT_ONCE):
        yield from text(words[start : start + fitting.AT_ONCE])


def _rows(said: dict[str, Floats], words: Sequence[str]) -> Floats:
    return np.array([said[word] for word in words], np.float32)


def _without(each: NamedClass, source: str) -> NamedClass:
    kept = np.array([one != source for one in each.sources], bool)
    return NamedClass(each.names, each.vectors[kept], tuple(one for one in each.sources if one != source))


def _names(lessons: Lessons, source: str) -> dict[str, Mask]:
    """Each name of the source's classes, with the pictures (N,) of all classes that have it."""
    sizes = [len(each.sources) for each in lessons.classes]
    names = dict.fromkeys(name for each in lessons.classes if source in each.sources for name in each.names)
    return {name: np.repeat([name in each.names for each in lessons.classes], sizes) for name in names}
