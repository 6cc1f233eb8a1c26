"""Words to a direction in the space of pictures: which of them a word table knows, what they stand for, which not."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.embedding.word_table import WordTable

Floats = NDArray[np.float32]

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
TOKEN = re.compile(rf"(?P<minus>(?<![^\s(])-)?(?P<word>[{HAN}]+|(?:[^\W_{HAN}]|['’](?=\w)|-(?=\w))+)")
LONGEST_PHRASE = 4  # words
SHORTEST_MISSPELT = 5  # letters: a shorter word is one letter away from too many others
SHORTEST_PART = 3  # letters of either half of a compound
TELLING = 0.3  # the weight from which a word says something by itself
LIKE = 3  # how many classes are named for a word
# Porter's first step, without its measure of a word: plurals and the ends of verbs (An algorithm for suffix stripping,
# 1980). What is cut off, and what may stand in its place.
ENDINGS = (
    ("'s", ""), ("’s", ""), ("ies", "y"), ("es", ""), ("s", ""), ("ing", ""), ("ing", "e"), ("ed", ""), ("ed", "e"),
)  # fmt: skip
LETTERS = string.ascii_lowercase


@dataclass(frozen=True)
class Concept:
    """One word or phrase of a query: what was ``written``, and the ``word`` of the table it was taken for.

    ``like``: names of the classes whose pictures look most like it. ``negative``: it is to be avoided.
    """

    written: str
    word: str
    like: tuple[str, ...]
    negative: bool = False


@dataclass(frozen=True)
class Understood:
    """What a table made of a text: its concepts in the order written, and the words that it does not know.

    ``wanted`` and ``avoided`` are unit vectors (D,); None where the text says nothing of it that the table knows.
    """

    wanted: Floats | None
    avoided: Floats | None
    concepts: tuple[Concept, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class _Found:
    written: str
    row: int | None
    negative: bool


def understand(text: str, table: WordTable) -> Understood:
    """Take a text for a place among the pictures: the weighted mean of its words' vectors, longest phrases first.

    A word with a minus before it is to be avoided. Unknown words are tried without their endings, as two words in one,
    and as misspelt by one letter. The weights fall with a word's frequency, as Arora, Liang and Ma weigh the words of a
    sentence (A simple but tough-to-beat baseline for sentence embeddings, 2017).
    """
    found = list(_found(text, table))
    unknown = tuple(dict.fromkeys(each.written for each in found if each.row is None))
    return Understood(
        wanted=_mean([each.row for each in found if not each.negative], table),
        avoided=_mean([each.row for each in found if each.negative], table),
        concepts=tuple(_concepts(found, table)),
        unknown=unknown,
    )


def rows_of(text: str, table: WordTable) -> list[int]:
    """The rows of the table that a text's words stand for, in their order; unknown ones left out."""
    return [each.row for each in _found(text, table) if each.row is not None]


def _mean(rows: list[int | None], table: WordTable) -> Floats | None:
    """The unit vector (D,) of these rows together; None when none of them tells anything."""
    known = [row for row in rows if row is not None]
    if not any(table.weights[row] >= TELLING for row in known):
        return None
    total = np.sum([float(table.weights[row]) * table.vector(row) for row in known], axis=0)
    size = float(np.linalg.norm(total))
    return (total / size).astype(np.float32) if size > 0 else None


def _concepts(found: list[_Found], table: WordTable) -> Iterator[Concept]:
    seen: set[tuple[int, bool]] = set()
    for each in found:
        if each.row is None or table.weights[each.row] < TELLING or (each.row, each.negative) in seen:
            continue
        seen.add((each.row, each.negative))
        word = table.words[each.row]
        names = table.nearest_classes(table.vector(each.row), most=LIKE + 1, alike=word)
        yield Concept(each.written, word, tuple(name for name in names if name != word)[:LIKE], each.negative)


def _found(text: str, table: WordTable) -> Iterator[_Found]:
    """Each word or phrase of the text with its row, None for unknown ones."""
    tokens = [
        (match["word"], bool(match["minus"])) for match in TOKEN.finditer(unicodedata.normalize("NFKC", text).lower())
    ]
    place = 0
    while place < len(tokens):
        word, negative = tokens[place]
        phrase, size = _phrase(tokens, place, table)
        if phrase:
            yield _Found(phrase, table.rows[phrase], negative)
        elif re.match(f"[{HAN}]", word):
            yield from (_Found(part, row, negative) for part, row in _cut(word, table))
        else:
            rows: Sequence[int | None] = _spelt(word, table) or (None,)
            yield from (_Found(word, row, negative) for row in rows)
        place += size


def _phrase(tokens: list[tuple[str, bool]], place: int, table: WordTable) -> tuple[str, int]:
    """The longest phrase of the table that begins here, and of how many tokens; no phrase counts as one token.

    Letters beside Chinese characters are tokens of their own, and are tried without a space between.
    """
    for size in range(min(LONGEST_PHRASE, len(tokens) - place), 1, -1):
        words = [word for word, _ in tokens[place : place + size]]
        if any(minus for _, minus in tokens[place + 1 : place + size]):
            continue
        for between in (" ", ""):
            if (phrase := between.join(words)) in table.rows:
                return phrase, size
    return "", 1


def _cut(text: str, table: WordTable) -> Iterator[tuple[str, int | None]]:
    """Cut a text without spaces at the longest words of the table, from the left; what lies between is unknown."""
    place, missed = 0, ""
    while place < len(text):
        sizes = range(min(table.longest, len(text) - place), 0, -1)
        word = next((part for size in sizes if (part := text[place : place + size]) in table.rows), "")
        if word and missed:
            yield missed, None
            missed = ""
        if word:
            yield word, table.rows[word]
        else:
            missed += text[place]
        place += len(word) or 1
    if missed:
        yield missed, None


def _spelt(word: str, table: WordTable) -> list[int]:
    """The rows that a word stands for: itself, without its ending, its parts, or spelt right; empty for none."""
    for tried in (word, *_without_endings(word)):
        if tried in table.rows:
            return [table.rows[tried]]
    if parts := _parts(word, table):
        return parts
    if len(word) < SHORTEST_MISSPELT or not word.isascii():
        return []
    near = [table.rows[other] for other in _one_letter_away(word) if other in table.rows]
    return [min(near)] if near else []


def _without_endings(word: str) -> Iterator[str]:
    for ending, instead in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= SHORTEST_PART:
            stem = word.removesuffix(ending)
            yield stem + instead
            if len(stem) > SHORTEST_PART and stem[-1] == stem[-2]:
                yield stem[:-1]


def _parts(word: str, table: WordTable) -> list[int]:
    """The rows of words with hyphens between them, or of the two commonest words that are written as one."""
    pieces = [piece for piece in re.split("['’-]", word) if piece]
    if len(pieces) > 1:
        return [table.rows[piece] for piece in pieces if piece in table.rows]
    ends = range(SHORTEST_PART, len(word) - SHORTEST_PART + 1)
    halves = [(word[:end], word[end:]) for end in ends]
    known = [[table.rows[a], table.rows[b]] for a, b in halves if a in table.rows and b in table.rows]
    return min(known, key=max, default=[])


def _one_letter_away(word: str) -> Iterator[str]:
    """All spellings with one letter left out, put in, exchanged, or two beside each other swapped (Norvig, 2007)."""
    for place in range(len(word) + 1):
        before, after = word[:place], word[place:]
        if after:
            yield before + after[1:]
            yield from (before + letter + after[1:] for letter in LETTERS)
        if len(after) > 1:
            yield before + after[1] + after[0] + after[2:]
        yield from (before + letter + after for letter in LETTERS)
