"""What hits are worth: the active encoder's calibration turned on the hits of one search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from retrieval import conf
from retrieval.errors import InvalidInput
from retrieval.ingest import Decoded, fingerprint
from retrieval.matching import NEIGHBOURS, Band, Calibration, Match, band, closeness, match, nearness, of_words
from retrieval.models import Encoder, Image, Measure
from retrieval.search import Floats, Question, stored
from retrieval.services.searching.meaning import Meaning
from retrieval.services.searching.search_request import SearchRequest

__all__ = ["NEIGHBOURS", "Judge", "Verdict", "calibration_of", "judge_of", "word_calibration_of"]

Pixels = NDArray[np.uint8]
NEAR_COPY = 31  # bits of 256 in which the fingerprints of near copies differ at most


@dataclass(frozen=True)
class Verdict:
    """How alike in words, how likely right (0 to 1), and how many unrelated pictures would score as high."""

    band: Band
    probability: float
    expected_strangers: float


class Judge(Protocol):
    """What tells of the hits of one query."""

    def verdicts(self, hits: Sequence[tuple[float, Image]], *, candidates: int) -> list[Verdict]:
        """Judge hits by their scores and pictures."""

    def match(self, said: Sequence[Verdict], first: Sequence[UUID]) -> Match:
        """Return what the answer amounts to; ``first`` are the nearest pictures, whose vectors are looked at."""


@dataclass(frozen=True)
class PictureJudge:
    """One picture, and what tells of its hits.

    Of a part of a picture there is no ``content``, ``kept_pdq`` nor ``pixels``; these are of a picture sent along.
    """

    question: Question
    calibration: Calibration
    content: str = ""
    kept_pdq: str = ""
    pixels: Pixels | None = None

    @classmethod
    def of(
        cls, question: Question, request: SearchRequest, *, pictures: Mapping[UUID, Image], pixels: Pixels | None
    ) -> PictureJudge | None:
        """Return the judge of a search by one picture; None where nothing tells what its scores mean.

        A calibration is for cosine and one picture, not steered by words, and for whole pictures: the best of many
        parts scores higher.
        """
        calibration = calibration_of(question.encoder)
        one_picture = request.kind in {"file", "image"} and question.measure == Measure.COSINE
        steered = question.filters.words is None and bool(request.text or request.negative_words)
        if calibration is None or not one_picture or steered or question.regions:
            return None
        if request.region is not None:
            return cls(question, calibration)
        if request.file is not None:
            return cls(question, calibration, fingerprint.sha256(request.file), pixels=pixels)
        image = pictures[request.wanted[0]]
        return cls(question, calibration, image.content, image.pdq or "")

    @cached_property
    def pdq(self) -> str:
        """The query's fingerprint, taken at the first hit that is alike: it costs some milliseconds."""
        if self.pixels is None:
            return self.kept_pdq
        return fingerprint.of_query(self.pixels, side=min(conf.get().thumbnail_sizes))

    def verdicts(self, hits: Sequence[tuple[float, Image]], *, candidates: int) -> list[Verdict]:
        """Judge hits by their scores and pictures."""
        said = _said(self.calibration, [score for score, _ in hits], candidates=candidates)
        return [replace(each, band=self._band(each.band, image)) for each, (_, image) in zip(said, hits, strict=True)]

    def match(self, said: Sequence[Verdict], first: Sequence[UUID]) -> Match:
        """Return what the answer amounts to; ``first`` are the nearest pictures, whose vectors are looked at."""
        return self.match_by(said, list(stored.units(self.question.encoder, first).values()))

    def match_by(self, said: Sequence[Verdict], near: Sequence[Floats]) -> Match:
        """As ``match``, by the unit vectors (D,) of the nearest pictures."""
        query = self.question.vector
        if query is None or not near:
            return Match.NONE
        close = closeness(query.unit, np.stack(near))
        return match([verdict.band for verdict in said], nothing=close < self.calibration.nothing_below)

    def _band(self, found: Band, image: Image) -> Band:
        if self.content and image.content == self.content:
            return Band.SAME_FILE
        if found != Band.WEAK and image.pdq and self.pdq and fingerprint.apart(self.pdq, image.pdq) <= NEAR_COPY:
            return Band.SAME_IMAGE
        return found


@dataclass(frozen=True)
class WordJudge:
    """Words alone, and what tells of hits by how near these lie to what the words mean, wherever they are written."""

    question: Question
    calibration: Calibration

    @classmethod
    def of(cls, question: Question, request: SearchRequest, *, said: Meaning) -> WordJudge | None:
        """Return the judge of a search by words; None where nothing tells what its scores mean.

        A calibration is for the word table that it was fitted with, and for words none of which is to be avoided.
        """
        calibration = word_calibration_of(question.encoder, table=said.table)
        understood = said.understood
        by_meaning = request.kind == "text" and understood.wanted is not None and understood.avoided is None
        return cls(question, calibration) if calibration and by_meaning else None

    def verdicts(self, hits: Sequence[tuple[float, Image]], *, candidates: int) -> list[Verdict]:
        """Judge hits by their pictures; the scores are of their ranks."""
        return _said(self.calibration, self._cosines([image.pk for _, image in hits]), candidates=candidates)

    def match(self, said: Sequence[Verdict], first: Sequence[UUID]) -> Match:
        """Return what the answer amounts to; ``first`` are the nearest pictures, whose vectors are looked at."""
        close = nearness(np.array(self._cosines(first)))
        return match([verdict.band for verdict in said], nothing=close < self.calibration.nothing_below)

    def _cosines(self, image_ids: Sequence[UUID]) -> list[float]:
        """With what the words mean; -1 for a picture that has lost its vector this moment."""
        near = stored.queries(self.question.encoder, image_ids)
        query = self.question.vector
        return [float(query.unit @ near[pk].unit) if query and pk in near else -1.0 for pk in image_ids]


def judge_of(
    question: Question,
    request: SearchRequest,
    *,
    pictures: Mapping[UUID, Image],
    fresh: Sequence[Decoded],
    said: Meaning,
) -> Judge | None:
    """Return what judges a search, None where nothing tells what its scores mean; ``fresh`` are decoded pictures.

    Raises InvalidInput (min_band) when there is none to band by.
    """
    pixels = fresh[0].pixels if fresh else None
    by_words = WordJudge.of(question, request, said=said)
    judge = by_words or PictureJudge.of(question, request, pictures=pictures, pixels=pixels)
    if judge is None and request.min_band is not None:
        raise InvalidInput.of("min_band", "Nothing tells what the scores of this search mean.")
    return judge


def _said(calibration: Calibration, scores: Sequence[float], *, candidates: int) -> list[Verdict]:
    probabilities = calibration.probability(scores, candidates=candidates).tolist()
    strangers = calibration.expected_strangers(scores, candidates=candidates).tolist()
    return [
        Verdict(band(probability), probability, expected)
        for probability, expected in zip(probabilities, strangers, strict=True)
    ]


def calibration_of(encoder: Encoder) -> Calibration | None:
    """Return what the scores of this encoder mean, None where that was never measured."""
    return Calibration.from_dict(encoder.calibration) if encoder.calibration else None


def word_calibration_of(encoder: Encoder, *, table: str) -> Calibration | None:
    """Return what the scores of words by this encoder and word table mean, None where that was never measured."""
    found = of_words(encoder.calibration)
    return found if found and table and found.fitted_on.get("table") == table else None
