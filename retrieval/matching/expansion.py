"""Looking further: a query with its nearest neighbours, and hits in the light of each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.matching.bands import Band, band
from retrieval.matching.calibration import Calibration
from retrieval.matching.exemplar import Exemplar

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]

NEIGHBOURS = 3
POWER = 3  # of the likeness, as a neighbour's weight
SHORTLIST = 400


def expanded(query: Floats, neighbours: Floats, *, mean: Floats) -> Floats:
    """The query (D,) plus its neighbours (K, D), each weighed by their likeness to the power of 3, of unit length.

    Query expansion by weights: F. Radenovic, G. Tolias, O. Chum: Fine-tuning CNN image retrieval with no human
    annotation (2019), section 3.4. Likeness is the cosine after the gallery's ``mean`` (D,) is taken away: where all
    pictures are of a kind (receipts), the plain one is near 1 for all. Neighbours that point away do not count.
    """
    weights = _weights(_centred(query[None], mean), _centred(neighbours, mean))[0]
    moved = query + weights @ neighbours
    return np.asarray(moved / np.linalg.norm(moved), np.float32)


def likely(query: Floats, neighbours: Floats, *, calibration: Calibration, candidates: int) -> Floats:
    """Those of the neighbours (K, D) that are at least alike to the query (D,), so that a query cannot drift."""
    probabilities = calibration.probability(neighbours @ query, candidates=candidates)
    kept = [band(float(probability)).place <= Band.ALIKE.place for probability in probabilities]
    found: Floats = neighbours[np.asarray(kept, bool)]
    return found


def smoothed(vectors: Floats, *, mean: Floats) -> Floats:
    """Each of these vectors (N, D) with the three most like it among them, weighed as ``expanded`` does (N, D).

    Database-side augmentation: R. Arandjelovic, A. Zisserman: Three things everyone should know to improve object
    retrieval (2012), section 3; here of a shortlist, where a hit's own neighbours mostly are.
    """
    centred = _centred(vectors, mean)
    weights = _weights(centred, centred)
    np.fill_diagonal(weights, -1)
    few = min(NEIGHBOURS, len(vectors) - 1)
    near = np.argpartition(-weights, few, axis=1)[:, :few]  # in any order: they are added up
    moved = vectors + np.einsum("nk,nkd->nd", np.take_along_axis(weights, near, axis=1), vectors[near])
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), np.float32)


def reranked(direction: Floats, shortlist: Floats, *, mean: Floats) -> Numbers:
    """The places of a shortlist (N, D), best first, by the cosine of its smoothed vectors with a direction (D,)."""
    if not len(shortlist):
        return np.empty(0, np.int64)
    return np.argsort(-(smoothed(shortlist, mean=mean) @ direction), kind="stable")


def _centred(vectors: Floats, mean: Floats) -> Floats:
    """Vectors (N, D) less the mean, of unit length; one in the very mean is zero."""
    moved = vectors - mean
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    return np.asarray(moved / np.where(lengths > 0, lengths, 1), np.float32)


def _weights(one: Floats, other: Floats) -> Floats:
    return np.asarray(np.maximum(one @ other.T, 0) ** POWER, np.float32)


@dataclass(frozen=True)
class Further:
    """Scores a gallery (N, D) as a search that looks further ranks it; unit vectors.

    ``itself``: the queries are the gallery, and each is left out of its own neighbours and its own shortlist. The
    nearest by cosine stays the first: nobody looks further to lose what they had.
    """

    queries: Floats
    gallery: Floats
    exemplar: Exemplar
    calibration: Calibration
    itself: bool = False

    def scores(self, rows: slice) -> Floats:
        """Scores (rows, N) of a block of queries; those of the shortlist stand above all others, in their order."""
        found = np.empty((len(self.queries[rows]), len(self.gallery)), np.float32)
        for number, place in enumerate(range(*rows.indices(len(self.queries)))):
            found[number] = self._scores(self.queries[place], place if self.itself else None)
        return found

    def _scores(self, query: Floats, itself: int | None) -> Floats:
        first = self.gallery[self._ranked(query, itself)[1][:NEIGHBOURS]]
        mean, candidates = self.exemplar.mean.astype(np.float32), len(self.gallery) - self.itself
        near = likely(query, first, calibration=self.calibration, candidates=candidates)
        moved = expanded(query, near, mean=mean)
        scores, order = self._ranked(moved, itself)
        shortlist = order[:SHORTLIST]
        direction = self.exemplar.directions(moved[None])[0]
        best = shortlist[reranked(direction, self.gallery[shortlist], mean=mean)]
        scores[best] = 2 + np.arange(len(best), 0, -1)
        nearest = np.argsort(-(self.gallery @ query), kind="stable")[:2]
        scores[nearest[nearest != itself][:1]] = 3 + len(best)
        return scores

    def _ranked(self, query: Floats, itself: int | None) -> tuple[Floats, Numbers]:
        """Scores (N,) by the query's direction, and the gallery's places, best first, without the query itself."""
        scores = self.gallery @ self.exemplar.directions(query[None])[0]
        order = np.argsort(-scores, kind="stable")
        return scores, order if itself is None else order[order != itself]
