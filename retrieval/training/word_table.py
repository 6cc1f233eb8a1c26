"""Fits a word table: from a text encoder's space into the space of pictures, by named classes and by captions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from retrieval.embedding import word_query, word_table
from retrieval.errors import InvalidInput
from retrieval.training.vocabulary import Entry

Floats = NDArray[np.float32]
TextEncoder = Callable[[Sequence[str]], Floats]

SHARPNESS = 20.0  # of the softmax over the cosines to the classes' names
SHARE = 0.5  # of the classes in a word's vector; the rest is the map's
TEXT_RIDGE = 1.0  # of the map from text vectors to pictures
WORD_RIDGE = 3.0  # of what each word of the captions adds to that
# A word that makes up this share of all text counts half (Arora, Liang and Ma 2017, who have 1e-3 to 1e-4).
HALF = 1e-3
TINY = float(np.finfo(np.float32).tiny)
AT_ONCE = 500


@dataclass(frozen=True)
class NamedClass:
    """What a class is called, in any language, and raw vectors (n, D) of pictures that show it.

    ``sources`` (n,) name where each picture is from; empty where nobody asks.
    """

    names: tuple[str, ...]
    vectors: Floats
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lessons:
    """What is known of pictures: named classes, and ``pictures`` (M, D), raw, each with its ``captions``."""

    classes: Sequence[NamedClass]
    pictures: Floats
    captions: Sequence[Sequence[str]]

    @property
    def names(self) -> list[str]:
        """All names of all classes, each once."""
        return list(dict.fromkeys(name for each in self.classes for name in each.names))


def fit(vocabulary: Sequence[Entry], *, lessons: Lessons, text: TextEncoder, rank: int) -> word_table.WordTable:
    """The table of a vocabulary that holds every class name; it names no weights yet.

    A word's text vector t is its embedding less the mean of all class names, at unit length. Half of its vector is the
    mean of the classes' prototypes, weighed by softmax(20 cos(t, name)) (Norouzi et al., Zero-shot learning by convex
    combination of semantic embeddings, 2014), half is a ridge map of t fitted on captions; both are scaled to mean
    length 1 over the words of the captions. What the captions' words still miss is fitted word by word, by a second
    ridge. Raises InvalidInput without a class, a captioned picture or a known word in the captions.
    """
    _require(lessons)
    words = [entry.word for entry in vocabulary]
    texts = np.concatenate([text(words[start : start + AT_ONCE]) for start in range(0, len(words), AT_ONCE)])
    places = {word: row for row, word in enumerate(words)}
    classes = np.array([places[name] for name in lessons.names], np.int32)
    units = _units(texts - texts[classes].mean(axis=0))
    weights = np.array([HALF / (HALF + entry.share) for entry in vocabulary], np.float32)
    draft = _draft(words, weights=weights, classes=classes)
    centre = np.concatenate([*(each.vectors[:1] for each in lessons.classes), lessons.pictures])
    middle = _units(centre).mean(axis=0)
    vectors = _by_captions(
        _prototypes(units, lessons, middle=middle, classes=classes), units, bags=_bags(lessons, draft),
        pictures=_units(_units(lessons.pictures) - middle),
    )  # fmt: skip
    levels, scales, basis = word_table.pack(vectors, rank=rank)
    return replace(draft, vectors=levels, scales=scales, basis=basis)


def teaching(vocabulary: Sequence[Entry], lessons: Lessons) -> list[Entry]:
    """What of a vocabulary names a class or stands in a caption: a table of these learns what one of all would."""
    words = [entry.word for entry in vocabulary]
    draft = _draft(words, weights=np.ones(len(words), np.float32), classes=np.zeros(0, np.int32))
    said = {row for texts in lessons.captions for text in texts for row in word_query.rows_of(text, draft)}
    names = set(lessons.names)
    return [entry for row, entry in enumerate(vocabulary) if row in said or entry.word in names]


def _require(lessons: Lessons) -> None:
    if not lessons.classes:
        raise InvalidInput.of("classes", "A word table needs classes of pictures with names.")
    if not len(lessons.pictures):
        raise InvalidInput.of("captions", "A word table needs pictures with captions.")


def _draft(words: Sequence[str], *, weights: Floats, classes: NDArray[np.int32]) -> word_table.WordTable:
    """A table that knows its words and not yet what they look like."""
    rows = len(words)
    return word_table.WordTable(
        words=tuple(words), vectors=np.zeros((rows, 1), np.int8), scales=np.zeros(rows, np.float16),
        weights=weights.astype(np.float16), basis=np.zeros((1, 1), np.float16), classes=classes, weights_sha256="",
    )  # fmt: skip


def _units(x: Floats) -> Floats:
    units: Floats = x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), TINY)
    return units


def _prototypes(units: Floats, lessons: Lessons, *, middle: Floats, classes: NDArray[np.int32]) -> Floats:
    """Where each word (N, T) lies by the classes whose names mean alike (N, D).

    A name of several classes stands for their mean.
    """
    means = _units(np.array([(_units(each.vectors) - middle).mean(axis=0) for each in lessons.classes]))
    owners = [[row for row, each in enumerate(lessons.classes) if name in each.names] for name in lessons.names]
    shown = np.array([means[rows].mean(axis=0) for rows in owners], np.float32)
    return np.concatenate([_soft(units[start : start + AT_ONCE], units[classes]) @ shown for start in _starts(units)])


def _soft(units: Floats, names: Floats) -> Floats:
    """The share (n, C) of each class's name in each word: softmax over their cosines."""
    cosines = SHARPNESS * (units @ names.T)
    shares = np.exp(cosines - cosines.max(axis=1, keepdims=True))
    soft: Floats = shares / shares.sum(axis=1, keepdims=True)
    return soft


def _starts(rows: Floats) -> range:
    return range(0, len(rows), AT_ONCE)


@dataclass(frozen=True)
class _Bags:
    """K captions as weighted ``shares`` (K, W) of W words.

    ``rows`` (W,) are the words' places in the table, ``owners`` (K,) the captions' pictures.
    """

    shares: Floats
    rows: NDArray[np.int64]
    owners: NDArray[np.int64]


def _bags(lessons: Lessons, draft: word_table.WordTable) -> _Bags:
    said = [(owner, word_query.rows_of(text, draft)) for owner, texts in enumerate(lessons.captions) for text in texts]
    said = [(owner, rows) for owner, rows in said if rows]
    if not said:
        raise InvalidInput.of("captions", "The captions hold no word that the table has.")
    known = np.unique([row for _, rows in said for row in rows])
    shares = np.zeros((len(said), len(known)), np.float32)
    for place, (_, rows) in enumerate(said):
        np.add.at(shares[place], np.searchsorted(known, rows), draft.weights[rows].astype(np.float32))
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), TINY)
    return _Bags(shares, known, np.array([owner for owner, _ in said], np.int64))


def _by_captions(prototypes: Floats, units: Floats, *, bags: _Bags, pictures: Floats) -> Floats:
    """The vectors (N, D) of all words: prototypes and mapped texts, and what the captions' words miss."""
    wanted = pictures[bags.owners]
    sentences = _units(bags.shares @ units[bags.rows])
    mapped = units @ _ridge(sentences, wanted, strength=TEXT_RIDGE)
    parts = ((prototypes, SHARE), (mapped, 1 - SHARE))
    vectors: Floats = sum(share * each / np.linalg.norm(each[bags.rows], axis=1).mean() for each, share in parts)
    made = bags.shares @ vectors[bags.rows]
    vectors *= float((made * wanted).sum() / np.maximum(np.square(made).sum(), TINY))
    vectors[bags.rows] += _ridge(bags.shares, wanted - bags.shares @ vectors[bags.rows], strength=WORD_RIDGE)
    return vectors


def _ridge(x: Floats, y: Floats, *, strength: float) -> Floats:
    """The map B (C, D) with the least |x B - y|^2 + strength |B|^2 (Hoerl and Kennard, Ridge regression, 1970)."""
    found: Floats = np.linalg.solve(x.T @ x + strength * np.eye(x.shape[1], dtype=np.float32), x.T @ y)
    return found
