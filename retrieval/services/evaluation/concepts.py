"""Measure how well concepts are learnt: from some right examples, and click by click; nothing is stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import InvalidInput
from retrieval.evaluation import LabelledSet, metrics
from retrieval.matching import Examples, logistic
from retrieval.progress import Progress
from retrieval.services.evaluation.answers import Named

Places = NDArray[np.int64]

LEAST_PICTURES = 20  # of a class, else it is no concept here
DRAWS, DRAWS_OF_MANY, MANY = 10, 3, 11  # fewer draws of each concept where there are more concepts than so many
RIGHT = (1, 5, 10)
ROUNDS = (0, 1, 2, 3, 5)
A_ROUND = 12
BACKGROUND = 500


@dataclass(frozen=True)
class Learnt:
    """Of one set: mAP, 0 to 1, over its concepts and draws.

    ``examples``: by the number of right examples, by their mean and by what was fitted to them. ``clicks``: by rounds.
    """

    name: str
    concepts: int
    examples: Mapping[int, tuple[float, float]]
    clicks: Mapping[int, float]


def learnt(sets: Sequence[Named], *, progress: Progress) -> Iterator[Learnt]:
    """Measure each set. Raises InvalidInput (classes) for one without a class of 20 pictures."""
    for name, items in sets:
        labels, counts = np.unique(items.labels, return_counts=True)
        wanted = labels[counts >= LEAST_PICTURES]
        if not len(wanted):
            raise InvalidInput.of("classes", f"No class of {name} has {LEAST_PICTURES} pictures.")
        draws = DRAWS if len(wanted) <= MANY else DRAWS_OF_MANY
        random, rows = np.random.default_rng(0), []
        for number, label in enumerate(np.repeat(wanted, draws)):
            rows.append(_Draw(items, items.labels == label, random).figures())
            progress(name, number + 1, len(wanted) * draws)
        examples, clicks = np.mean([row[0] for row in rows], axis=0), np.mean([row[1] for row in rows], axis=0)
        pairs = {count: (float(mean), float(fit)) for count, (mean, fit) in zip(RIGHT, examples, strict=True)}
        yield Learnt(name, len(wanted), pairs, dict(zip(ROUNDS, clicks.tolist(), strict=True)))


@dataclass(frozen=True)
class _Draw:
    """One concept of a set, ``right`` (N,) of its pictures, taught once from the beginning."""

    items: LabelledSet
    right: NDArray[np.bool_]
    random: np.random.Generator

    def figures(self) -> tuple[list[tuple[float, float]], list[float]]:
        return [self._by_examples(count) for count in RIGHT], self._by_clicks()

    def _by_examples(self, count: int) -> tuple[float, float]:
        """The pictures not clicked, ranked by the mean of so many right examples, and by what is fitted to them."""
        chosen = self.random.choice(np.flatnonzero(self.right), count, replace=False)
        rest = np.setdiff1d(np.arange(len(self.items)), chosen)
        found = logistic.fit(self._examples(chosen, [], rest))
        mean = self.items.vectors[rest] @ self.items.vectors[chosen].mean(axis=0)
        return self._precision(rest, mean), self._precision(rest, found.margins(self.items.vectors[rest]))

    def _by_clicks(self) -> list[float]:
        """One half is clicked, a round at a time, from one picture on; the other half is ranked."""
        ours, others = self._halves()
        right, wrong = [int(self.random.choice(ours[self.right[ours]]))], list[int]()
        found = []
        for number in range(max(ROUNDS) + 1):
            pool = np.setdiff1d(ours, np.array(right + wrong))
            fitted = logistic.fit(self._examples(right, wrong, pool))
            if number in ROUNDS:
                found.append(self._precision(others, fitted.margins(self.items.vectors[others])))
            margins = fitted.margins(self.items.vectors[pool])
            order = np.argsort(-margins, kind="stable")
            clicked = pool[order[logistic.to_ask(margins[order], most=A_ROUND)]]
            right += clicked[self.right[clicked]].tolist()
            wrong += clicked[~self.right[clicked]].tolist()
        return found

    def _halves(self) -> tuple[Places, Places]:
        """Both with pictures of the concept in them."""
        where, elsewhere = (self.random.permutation(np.flatnonzero(side)) for side in (self.right, ~self.right))
        parts = [(each[: len(each) // 2], each[len(each) // 2 :]) for each in (where, elsewhere)]
        ours, others = (np.concatenate(side) for side in zip(*parts, strict=True))
        return ours, others

    def _examples(self, right: Sequence[int] | Places, wrong: list[int], pool: Places) -> Examples:
        drawn = self.random.choice(pool, min(BACKGROUND, len(pool)), replace=False)
        vectors = self.items.vectors
        return Examples(vectors[right], vectors[np.array(wrong, np.int64)], vectors[drawn])

    def _precision(self, pictures: Places, scores: NDArray[np.floating]) -> float:
        order = pictures[np.argsort(-scores, kind="stable")]
        return float(metrics.average_precision(self.right[order][None])[0])
