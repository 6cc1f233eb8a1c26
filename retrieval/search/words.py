"""Words to SQL: beginnings and stems of the indexed words, substrings for scripts without spaces between words."""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db.models import (
    BooleanField,
    Case,
    Expression,
    ExpressionWrapper,
    F,
    FloatField,
    Func,
    Q,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Least
from django.db.models.lookups import IContains

from retrieval.errors import InvalidInput
from retrieval.models import Image
from retrieval.search import read_words, sql
from retrieval.search.spelling import BETWEEN_LETTERS, UNSPACED, composed, divided
from retrieval.search.sql import Sql

# How much a substring counts by where it is; PostgreSQL's own weights of the classes A, B and C, and D for a word that
# was read from the picture, which counts once, however often it stands there.
PLACES = (("title", 1.0), ("tags", 0.4), ("caption", 0.2))
READ = 0.1
# Each word without spaces costs six comparisons of text for each candidate.
MOST_WORDS = 50
# PostgreSQL keeps 32 signs of "not" at most that wait for a word; more of them in a row say no more than one.
# A word, or words in quotes, that a picture must not have; and what stands between words of which one is enough.
MINUS = re.compile(r'(?<!\S)-(?:"([^"]*\w[^"]*)"|(?=\w)(\S+))')
OR = re.compile(r"(?<!\S)or(?!\S)", re.IGNORECASE)
NOTHING_BETWEEN = re.compile(r"-(?:[\W_]*-)+")


FLAG = BooleanField()


class Sum(Func):
    """The sum of many terms as one flat expression: added one by one they nest, and Django walks down into each."""

    template = "(%(expressions)s)"
    arg_joiner = " + "
    output_field = FloatField()


def forgiving(text: str) -> SearchQuery:
    """Return a query in the manner of web search, as people type it: every text is one, be it nothing but signs."""
    text = BETWEEN_LETTERS.sub(" ", NOTHING_BETWEEN.sub("-", composed(text)))
    return SearchQuery(text, config="simple", search_type="websearch")


def listed(text: str) -> Q:
    """Return the condition on ``Image`` rows to have these words, as in a search; in quotes they are phrases.

    Where no collection has words read, those that are written are the whole of it, and their order by index serves.
    """
    (positive, avoided), read = signed(text), read_words.are_kept()
    if '"' in text or not 0 < len(_words(text)) <= MOST_WORDS:
        written = Q(words=forgiving(text))
        return read_words.either(written, read_words.having(forgiving(text))) if read else written
    condition = Words.of(positive).condition(read=read) if _words(positive) else Q()
    for each in avoided:
        condition &= ~Words.of(each).condition(read=read)
    return condition


def signed(text: str) -> tuple[str, tuple[str, ...]]:
    """Take a text apart: what is looked for, and each of what is to be avoided (``-word``, ``-"two words"``)."""
    return MINUS.sub(" ", text), tuple(quoted or word for quoted, word in MINUS.findall(text))


@dataclass(frozen=True)
class Words:
    """All must be in a picture's title, tags or caption, or read from it; or else all of one of the ``others``.

    ``prefixes`` begin a word there or have the English stem of one; ``parts`` are anywhere.
    """

    prefixes: tuple[str, ...]
    parts: tuple[str, ...]
    others: tuple[Words, ...] = ()

    @classmethod
    def of(cls, text: str) -> Words:
        """Take a text apart at "or", spaces and dividers.

        Raises InvalidInput for no letter or digit, or too many words.
        """
        sides = [words for side in OR.split(text) if (words := _words(side))] or [_words(text)]
        if not sides[0]:
            raise InvalidInput.of("text", "Write at least one word.")
        if sum(map(len, sides)) > MOST_WORDS:
            raise InvalidInput.of("text", f"Write at most {MOST_WORDS} different words.")
        first, *others = (cls._all(words) for words in sides)
        return replace(first, others=tuple(others))

    @classmethod
    def _all(cls, words: Sequence[str]) -> Words:
        parts = tuple(word for word in words if UNSPACED.search(word))
        return cls(tuple(word for word in words if word not in parts), parts)

    def condition(self, *, read: bool = True) -> Q:
        """The condition on ``Image`` rows, for words that are written or, if ``read``, were read from the picture."""
        return functools.reduce(operator.or_, (side._condition(read=read) for side in (self, *self.others)))

    def distance(self) -> Sql:
        """1 / (1 + rank): small for pictures that have the words often and in their titles; between 0 and 1."""
        sides = [side._distance() for side in (self, *self.others)]
        return sql.expression(Image, Least(*sides) if self.others else sides[0])

    def places(self, image_ids: Sequence[UUID]) -> dict[UUID, tuple[bool, bool]]:
        """Tell of each of these pictures whether any of the words is written about it, and any was read from it."""
        sides = (self, *self.others)
        written = functools.reduce(operator.or_, (each for side in sides for each, _ in side._each()))
        read = functools.reduce(operator.or_, (Q(pk__in=rows) for side in sides for _, rows in side._each()))
        rows = Image.objects.filter(pk__in=image_ids).order_by()
        found = rows.values_list("pk", ExpressionWrapper(written, FLAG), ExpressionWrapper(read, FLAG))
        return {image_id: (bool(one), bool(other)) for image_id, one, other in found}

    def _condition(self, *, read: bool) -> Q:
        each = (read_words.either(written, rows) if read else written for written, rows in self._each())
        return functools.reduce(operator.and_, each)

    def _each(self) -> Iterator[tuple[Q, read_words.Rows]]:
        """For each word the condition to have it written, and the ids of pictures from which it was read."""
        for word in self.prefixes:
            query = _begun(word) | _inflected(word)
            yield Q(words=query), read_words.having(query)
        for part in self.parts:
            anywhere = functools.reduce(operator.or_, (Q(_contains(place, part)) for place, _ in PLACES))
            yield anywhere, read_words.containing(part)

    def _distance(self) -> Expression:
        terms: list[Expression] = [Value(1.0, FloatField())]
        if self.prefixes:
            # Apart: PostgreSQL takes a beginning and a stem of the same letters for one, and ranks by the stem alone.
            queries = _begun(*self.prefixes), _inflected(*self.prefixes)
            terms += [SearchRank(F("words"), query) for query in queries]
        for part in self.parts:
            terms += [_worth(Q(_contains(place, part)), weight) for place, weight in PLACES]
        terms += [_worth(Q(pk__in=rows), READ) for _, rows in self._each()]
        return Value(1.0, FloatField()) / Sum(*terms)


def _worth(condition: Q, weight: float) -> Case:
    return Case(When(condition, then=Value(weight)), default=Value(0.0), output_field=FloatField())


def _words(text: str) -> list[str]:
    """The different words of a text that have a letter or a digit."""
    return list(dict.fromkeys(word for word in divided(text).split() if re.search(r"\w", word)))


def _begun(*words: str) -> SearchQuery:
    """Words that begin so."""
    quoted = ("'" + word.replace("\\", "\\\\").replace("'", "''") + "':*" for word in words)
    return SearchQuery(" & ".join(quoted), config="simple", search_type="raw")


def _inflected(*words: str) -> SearchQuery:
    """Other forms of the same English words."""
    return SearchQuery(" ".join(words), config="english", search_type="plain")


def _contains(place: str, part: str) -> IContains:
    text: F | Func = F(place)
    if place.endswith("tags"):
        text = Func(text, Value(" "), function="array_to_string", output_field=TextField())
    return IContains(text, part)
