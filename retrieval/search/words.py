"""Words to SQL: beginnings and stems of the indexed words, substrings for scripts without spaces between words."""

from __future__ import annotations

import functools
import operator
import re
import unicodedata
from dataclasses import dataclass

from django.contrib.postgres.search import SearchQuery, SearchQueryCombinable, SearchRank
from django.db.models import Case, Expression, F, FloatField, Func, Q, TextField, Value, When
from django.db.models.lookups import IContains

from retrieval.errors import InvalidInput

# Thai to Khmer, kana, Han and Hangul: PostgreSQL's parser takes a whole run of them for one word.
UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
# How much a substring counts by where it is; PostgreSQL's own weights of the classes A, B and C.
PLACES = (("title", 1.0), ("tags", 0.4), ("caption", 0.2))
# Each word without spaces costs six comparisons of text for each candidate.
MOST_WORDS = 50
# PostgreSQL keeps 32 signs of "not" at most that wait for a word; more of them in a row say no more than one.
# What divides words in file names, as ``retrieval_words`` has it; between letters they do so in a query as well.
DIVIDERS, BETWEEN_LETTERS = re.compile(r"[./\\_-]+"), re.compile(r"(?<=\w)[./\\_-]+(?=\w)|_+")
JOINERS = dict.fromkeys((0x200C, 0x200D))
SIGNS = re.compile(r'"|(?:^|\s)-|\bor\b', re.IGNORECASE)
NOTHING_BETWEEN = re.compile(r"-(?:[\W_]*-)+")


class Sum(Func):
    """The sum of many terms as one flat expression: added one by one they nest, and Django walks down into each."""

    template = "(%(expressions)s)"
    arg_joiner = " + "
    output_field = FloatField()


def forgiving(text: str) -> SearchQuery:
    """Return a query in the manner of web search, as people type it: every text is one, be it nothing but signs."""
    text = BETWEEN_LETTERS.sub(" ", NOTHING_BETWEEN.sub("-", composed(text)))
    return SearchQuery(text, config="simple", search_type="websearch")


def composed(text: str) -> str:
    """Return the text as words are kept: composed (NFC), without joiners."""
    return unicodedata.normalize("NFC", text).translate(JOINERS)


def listed(text: str) -> Q:
    """Return the condition on ``Image`` rows to have these words: all as in a search, unless signs say something else.

    Quotes, "or" and a hyphen before a word have their meaning of web search.
    """
    found = _words(text)
    if SIGNS.search(text) or not 0 < len(found) <= MOST_WORDS:
        return Q(words=forgiving(text))
    return Words.of(text).condition(of="")


@dataclass(frozen=True)
class Words:
    """All must be in a picture's title, tags or caption.

    ``prefixes`` begin a word there or have the English stem of one; ``parts`` are anywhere.
    """

    prefixes: tuple[str, ...]
    parts: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Words:
        """Take a text apart at spaces and dividers. Raises InvalidInput for no letter or digit, or too many words."""
        words = _words(text)
        if not words:
            raise InvalidInput.of("text", "Write at least one word.")
        if len(words) > MOST_WORDS:
            raise InvalidInput.of("text", f"Write at most {MOST_WORDS} different words.")
        parts = tuple(word for word in words if UNSPACED.search(word))
        return cls(tuple(word for word in words if word not in parts), parts)

    def condition(self, *, of: str = "image__") -> Q:
        """The condition on ``Embedding`` rows, or on others; ``of`` leads from them to the picture."""
        condition = Q(**{f"{of}words": self._query()}) if self.prefixes else Q()
        for part in self.parts:
            anywhere = Q()
            for place, _ in PLACES:
                anywhere |= Q(_contains(of + place, part))
            condition &= anywhere
        return condition

    def distance(self) -> Expression:
        """1 / (1 + rank): small for pictures that have the words often and in their titles; between 0 and 1."""
        terms: list[Expression] = [Value(1.0, FloatField())]
        if self.prefixes:
            # Apart: PostgreSQL takes a beginning and a stem of the same letters for one, and ranks by the stem alone.
            queries = _begun(*self.prefixes), _inflected(*self.prefixes)
            terms += [SearchRank(F("image__words"), query) for query in queries]
        for part in self.parts:
            for place, weight in PLACES:
                found = When(_contains(f"image__{place}", part), then=Value(weight))
                terms.append(Case(found, default=Value(0.0), output_field=FloatField()))
        return Value(1.0, FloatField()) / Sum(*terms)

    def _query(self) -> SearchQueryCombinable:
        return functools.reduce(operator.and_, (_begun(word) | _inflected(word) for word in self.prefixes))


def _words(text: str) -> list[str]:
    """The different words of a text that have a letter or a digit."""
    divided = DIVIDERS.sub(" ", composed(text)).split()
    return list(dict.fromkeys(word for word in divided if re.search(r"\w", word)))


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
