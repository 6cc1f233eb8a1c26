"""Calibration of scores: how many strangers score as high, how likely a hit is right, when nothing is there at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retrieval.errors import InvalidInput
from retrieval.matching.curves import Curve, Doubles, Tail, falling
from retrieval.matching.open_set import FALSE_ALARMS, NEIGHBOURS, closeness

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]

UNLABELLED = -1
MOST_QUERIES, MOST_ITEMS = 2_000, 12_000
DEPTH = 24  # hits of each query that the chance of being right is read from: an answer as it is usually asked for
# Galleries of several sizes are asked: the query's own set or all, and this share of their pictures. Of a share of the
# pictures that share of the hits is read, so as to look as deep into it: further down stand pictures that are less
# likely right at the same score, as they are of queries with few that are like them.
GALLERIES = (("own", 1.0), ("all", 1.0), ("all", 0.3))
GROWTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
LEAST_QUERIES = 50
TENTHS = 10

LOWEST, HIGHEST, FINE = -1.0, 1.0 + 2e-6, 1e-6  # of cosines


@dataclass(frozen=True)
class Sample:
    """Unit vectors (N, D) with labels (N,), ``UNLABELLED`` for none, and the number of the set each is of (N,).

    Pictures of two sets are strangers. Where there is one set only, pictures of two labels are.
    """

    vectors: Floats
    labels: Numbers
    sets: Numbers

    def __post_init__(self) -> None:
        if not len(self.vectors) == len(self.labels) == len(self.sets):
            raise InvalidInput.of("labels", "Vectors, labels and sets must be equally many.")

    def only(self, chosen: NDArray[Any]) -> Sample:
        """A part of it, by places or by yes and no."""
        return Sample(self.vectors[chosen], self.labels[chosen], self.sets[chosen])


@dataclass(frozen=True)
class Calibration:
    """What the scores of one encoder by cosine mean.

    ``strangers``: score -> log10 of the share of unrelated pictures that score as high. ``right``: that log10 plus
    ``growth`` times the log10 of the number of candidates -> chance that a hit is right. ``growth`` is 0 where larger
    galleries hold as many more right answers, 1 where they hold strangers only. ``nothing_below``: the closeness
    (``open_set.closeness``) that only FALSE_ALARMS of the queries with a right answer stay below. ``fitted_on`` says
    on what, for people.
    """

    strangers: Curve
    right: Curve
    growth: float
    nothing_below: float
    fitted_on: Mapping[str, Any]

    def expected_strangers(self, scores: ArrayLike, *, candidates: int) -> Doubles:
        """How many unrelated pictures among so many candidates are to be expected to score as high, for each score.

        The E-value of S. Karlin and S. Altschul (Methods for assessing the statistical significance of molecular
        sequence features, 1990): the number of candidates times the share of chance scores at least as high.
        """
        return np.asarray(max(candidates, 0) * 10 ** self.strangers.at(scores))

    def probability(self, scores: ArrayLike, *, candidates: int) -> Doubles:
        """How likely a hit of such a score among so many candidates is right, 0 to 1."""
        return self.right.at(self.strangers.at(scores) + self.growth * np.log10(max(candidates, 1)))

    def least_score(self, probability: float, *, candidates: int) -> float:
        """The least score, to FINE, of a hit among so many candidates that is right with this probability or more.

        It is found by halving, as the probability never falls with the score; above 1 where no score is enough.
        """
        low, high = LOWEST, HIGHEST
        while high - low > FINE:
            middle = (low + high) / 2
            enough = self.probability([middle], candidates=candidates)[0] >= probability
            low, high = (low, middle) if enough else (middle, high)
        return high

    def to_dict(self) -> dict[str, Any]:
        """As JSON: nested objects and lists."""
        curves = {"strangers": self.strangers, "right": self.right}
        lists = {name: {"x": list(curve.x), "y": list(curve.y)} for name, curve in curves.items()}
        return {**asdict(self), **lists}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Calibration:
        """What ``to_dict`` wrote, also after it went through JSON. Raises InvalidInput for anything else."""
        try:
            strangers, right = (
                Curve(tuple(data[name]["x"]), tuple(data[name]["y"])) for name in ("strangers", "right")
            )
            growth, nothing_below = float(data["growth"]), float(data["nothing_below"])
            return cls(strangers, right, growth, nothing_below, dict(data["fitted_on"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput.of("calibration", "This is not a calibration of an encoder.") from error


def fit(sample: Sample, *, seed: int = 0) -> Calibration:
    """Fit a calibration on labelled pictures; of very many, 12,000 are drawn by the seed, and 2,000 of them ask.

    Each query is asked of its own set, of all sets, and of a part of their pictures. Every set weighs the same,
    whatever its size. Raises InvalidInput when the labelled pictures are too few.
    """
    generator = np.random.default_rng(seed)
    sample = sample.only(np.sort(generator.permutation(len(sample.labels))[:MOST_ITEMS]))
    queries = _queries(sample, generator)
    strangers = _strangers(sample, queries)
    hits = list(_hits(sample, queries, generator))
    weights = np.repeat(equal_weights(sample.sets[queries]), len(GALLERIES))
    growth, right = chance(hits, weights, strangers=strangers)
    return Calibration(
        strangers=strangers,
        right=right,
        growth=growth,
        nothing_below=quantile(np.array([hit.closeness for hit in hits]), weights, share=FALSE_ALARMS),
        fitted_on={"pictures": len(sample.labels), "queries": len(queries), "sets": len(np.unique(sample.sets))},
    )


@dataclass(frozen=True)
class Hits:
    """The first hits of one query in one gallery: scores falling, which are right, of how many; and the closeness."""

    scores: Floats
    right: NDArray[np.bool_]
    count: int
    closeness: float


def _queries(sample: Sample, generator: np.random.Generator) -> Numbers:
    """Places of the pictures that ask: labelled, with another one of their label; of each set as many as may be."""
    counts = np.bincount(sample.labels[sample.labels >= 0], minlength=1)
    fit_to_ask = np.flatnonzero((sample.labels >= 0) & (counts[np.maximum(sample.labels, 0)] > 1))
    if len(fit_to_ask) < LEAST_QUERIES:
        raise InvalidInput.of("labels", f"Calibrating needs at least {LEAST_QUERIES} pictures whose label others have.")
    sets = np.unique(sample.sets[fit_to_ask])
    most = -(-MOST_QUERIES // len(sets))
    drawn = [generator.permutation(fit_to_ask[sample.sets[fit_to_ask] == each])[:most] for each in sets]
    return np.sort(np.concatenate(drawn))


def _strangers(sample: Sample, queries: Numbers) -> Curve:
    """Score -> log10 share of the pairs of a query and an unrelated picture that score as high."""
    tail, apart = Tail(), sample.sets if len(np.unique(sample.sets)) > 1 else sample.labels
    for query in queries:
        strange = (apart != apart[query]) & (apart != UNLABELLED)
        tail.add(sample.vectors[strange] @ sample.vectors[query])
    return tail.curve()


def _hits(sample: Sample, queries: Numbers, generator: np.random.Generator) -> Iterator[Hits]:
    """Each query's hits in galleries of several sizes, one after the other."""
    for query in queries:
        scores = sample.vectors @ sample.vectors[query]
        for sets, share in GALLERIES:
            there = generator.random(len(scores)) < share
            if sets == "own":
                there &= sample.sets == sample.sets[query]
            there[query] = False
            yield _answer(sample, query, np.flatnonzero(there), scores, depth=round(DEPTH * share))


def chance(hits: Sequence[Hits], weights: Doubles, *, strangers: Curve) -> tuple[float, Curve]:
    """How the chance of being right goes with the number of candidates, and with the score: what fits best."""
    lengths = [len(hit.scores) for hit in hits]
    right = np.concatenate([hit.right for hit in hits])
    each = np.repeat(weights / np.maximum(lengths, 1), lengths)
    rarity = strangers.at(np.concatenate([hit.scores for hit in hits]))
    sizes = np.repeat(np.log10([max(hit.count, 1) for hit in hits]), lengths)
    curves = [(growth, falling(rarity + growth * sizes, right, weights=each)) for growth in GROWTHS]
    return min(curves, key=lambda fitted: _loss(fitted[1].at(rarity + fitted[0] * sizes), right, each))


def _loss(said: Doubles, right: NDArray[np.bool_], weights: Doubles) -> float:
    """The weighted mean squared error of probabilities (G. Brier, 1950)."""
    return float(np.average(np.square(said - right), weights=weights))


def _answer(sample: Sample, query: int, gallery: Numbers, scores: Floats, *, depth: int) -> Hits:
    first = gallery[np.argsort(-scores[gallery], kind="stable")[:depth]]
    return Hits(
        scores=scores[first],
        right=sample.labels[first] == sample.labels[query],
        count=len(gallery),
        closeness=closeness(sample.vectors[query], sample.vectors[first[:NEIGHBOURS]]),
    )


def equal_weights(sets: Numbers) -> Doubles:
    """A weight for each query, the same sum for each set."""
    _, numbers, counts = np.unique(sets, return_inverse=True, return_counts=True)
    return np.asarray(1 / counts[numbers])


def quantile(values: Doubles, weights: Doubles, *, share: float) -> float:
    """The value that this share of the weight lies below."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][np.searchsorted(reached, share)])


@dataclass(frozen=True)
class Reliability:
    """Hits whose probability was said to lie in one tenth: the mean of what was said, the share right, how many."""

    said: float
    seen: float
    count: int


def reliability(probabilities: Doubles, right: NDArray[np.bool_]) -> Sequence[Reliability]:
    """What was said (N,) beside what was seen (N,), for each tenth from 0 to 1 that has any.

    A. Niculescu-Mizil, R. Caruana: Predicting good probabilities with supervised learning (2005), section 4.
    """
    tenths = np.minimum((probabilities * TENTHS).astype(int), TENTHS - 1)
    return [
        Reliability(float(probabilities[here].mean()), float(right[here].mean()), int(here.sum()))
        for here in (tenths == tenth for tenth in range(TENTHS))
        if here.any()
    ]
