"""What hits are worth: the active encoder's calibration turned on the hits of one search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from retrieval import conf
from retrieval.errors import InvalidInput
from retrieval.ingest import fingerprint
from retrieval.matching import NEIGHBOURS, Band, Calibration, Match, band, closeness, match
from retrieval.models import Encoder, Image, Measure
from retrieval.search import Question, stored
from retrieval.services.searching.search_request import SearchRequest

__all__ = ["NEIGHBOURS", "Judge", "Verdict", "calibration_of"]

Pixels = NDArray[np.uint8]
NEAR_COPY = 31  # bits of 256 in which the fingerprints of near copies differ at most


@dataclass(frozen=True)
class Verdict:
    """How alike in words, how likely right (0 to 1), and how many unrelated pictures would score as high."""

    band: Band
    probability: float
    expected_strangers: float


@dataclass(frozen=True)
class Judge:
    """One query, and what tells of its hits.

    Of a part of a picture there is no ``sha256``, ``kept_pdq`` nor ``pixels``; these are of a picture sent along.
    """

    question: Question
    calibration: Calibration
    sha256: str = ""
    kept_pdq: str = ""
    pixels: Pixels | None = None

    @classmethod
    def of(
        cls, question: Question, request: SearchRequest, *, pictures: Mapping[UUID, Image], pixels: Pixels | None
    ) -> Judge | None:
        """Return the judge of a search by one picture; None where nothing tells what its scores mean.

        A calibration is for cosine and one picture, not steered by words. Raises InvalidInput (min_band) when there is
        none to band by.
        """
        calibration = calibration_of(question.encoder)
        one_picture = request.kind in {"file", "image"} and question.measure == Measure.COSINE
        steered = question.filters.words is None and bool(request.text or request.negative_words)
        if calibration is None or not one_picture or steered:
            if request.min_band is not None:
                raise InvalidInput.of("min_band", "Nothing tells what the scores of this search mean.")
            return None
        if request.region is not None:
            return cls(question, calibration)
        if request.file is not None:
            return cls(question, calibration, fingerprint.sha256(request.file), pixels=pixels)
        image = pictures[request.wanted[0]]
        return cls(question, calibration, image.sha256, image.pdq or "")

    @cached_property
    def pdq(self) -> str:
        """The query's fingerprint, taken at the first hit that is alike: it costs some milliseconds."""
        if self.pixels is None:
            return self.kept_pdq
        return fingerprint.of_query(self.pixels, side=min(conf.get().thumbnail_sizes))

    def verdicts(self, hits: Sequence[tuple[float, Image]], *, candidates: int) -> list[Verdict]:
        """Judge hits by their scores and pictures."""
        scores = [score for score, _ in hits]
        probabilities = self.calibration.probability(scores, candidates=candidates).tolist()
        strangers = self.calibration.expected_strangers(scores, candidates=candidates).tolist()
        return [
            Verdict(self._band(probability, image), probability, expected)
            for probability, expected, (_, image) in zip(probabilities, strangers, hits, strict=True)
        ]

    def match(self, said: Sequence[Verdict], first: Sequence[UUID]) -> Match:
        """Return what the answer amounts to; ``first`` are the nearest pictures, whose vectors are looked at."""
        query = self.question.vector
        near = stored.queries(self.question.encoder, first)
        if query is None or not near:
            return Match.NONE
        close = closeness(query.unit, np.stack([each.unit for each in near.values()]))
        return match([verdict.band for verdict in said], nothing=close < self.calibration.nothing_below)

    def _band(self, probability: float, image: Image) -> Band:
        if self.sha256 and image.sha256 == self.sha256:
            return Band.SAME_FILE
        found = band(probability)
        if found != Band.WEAK and image.pdq and self.pdq and fingerprint.apart(self.pdq, image.pdq) <= NEAR_COPY:
            return Band.SAME_IMAGE
        return found


def calibration_of(encoder: Encoder) -> Calibration | None:
    """Return what the scores of this encoder mean, None where that was never measured."""
    return Calibration.from_dict(encoder.calibration) if encoder.calibration else None
