"""Which pictures are held out, and which make up the batch of a step: pure functions of a seed, so a run can resume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import InvalidInput
from retrieval.training.config import SamplingConfig
from retrieval.training.data import NO_LABEL, Numbers, PictureSet


class Sampler(Protocol):
    """Rows of the training set for a step; the same step always gets the same rows."""

    def rows(self, step: int) -> Numbers:
        """Positions (batch,) in the training set."""


def hold_out(pictures: PictureSet, *, share: float, seed: int) -> NDArray[np.bool_]:
    """Which pictures (N,) are for validation: about ``share`` of the groups, none of them parted."""
    groups = np.unique(pictures.groups)
    chosen = np.random.default_rng(seed).permutation(groups)[: round(share * len(groups))]
    return np.isin(pictures.groups, chosen)


def in_scopes(pictures: PictureSet, scopes: Sequence[str]) -> NDArray[np.bool_]:
    """Which pictures (N,) have a label whose first part is one of ``scopes``; raises InvalidInput for others."""
    first = np.array([name.split("/")[0] for name in pictures.classes] + [""])
    unknown = set(scopes) - set(first)
    if unknown:
        raise InvalidInput.of("scopes", f"No label starts with {min(unknown)!r}.")
    return np.isin(first, list(scopes))[pictures.labels]


def fitted(config: SamplingConfig, pictures: PictureSet) -> SamplingConfig:
    """The same with no more in a batch than there is: fewer pictures, or fewer classes, or fewer of each.

    Every class of two pictures or more is to have its turn: as many of each are drawn as the smallest class that is
    needed has. Raises InvalidInput when there are fewer than two such classes.
    """
    if config.kind == "shuffled":
        return replace(config, batch=min(config.batch, len(pictures)))
    counts = np.unique(pictures.labels[pictures.labels != NO_LABEL], return_counts=True)[1]
    falling = np.sort(counts[counts > 1])[::-1]
    if len(falling) < min(2, config.classes):
        text = (
            f"{len(falling)} classes have two pictures or more to train on; batches are balanced between two or more."
        )
        raise InvalidInput.of("sampling.classes", text)
    classes = min(config.classes, len(falling))
    return replace(config, classes=classes, per_class=min(config.per_class, int(falling[classes - 1])))


class Shuffled:
    """Every picture once in each pass, in a new order each time; the last, incomplete batch of a pass is left out."""

    def __init__(self, count: int, *, batch: int, seed: int) -> None:
        if count < batch:
            raise InvalidInput.of("sampling.batch", f"A batch of {batch} cannot be drawn from {count} pictures.")
        self.count, self.batch, self.seed = count, batch, seed

    def rows(self, step: int) -> Numbers:
        """Positions (batch,) in the training set."""
        passes, place = divmod(step, self.count // self.batch)
        order = np.random.default_rng([self.seed, passes]).permutation(self.count)
        return order[place * self.batch : (place + 1) * self.batch]


class Balanced:
    """P classes x K pictures of each, and some more drawn from all pictures.

    Classes are drawn with weights (number of pictures)^0.5, so that large ones come more often but do not rule.
    """

    def __init__(self, labels: Numbers, config: SamplingConfig, *, seed: int) -> None:
        numbers, counts = np.unique(labels[labels != NO_LABEL], return_counts=True)
        usable = numbers[counts >= config.per_class]
        if len(usable) < config.classes:
            raise InvalidInput.of(
                "sampling.classes", f"Only {len(usable)} classes have {config.per_class} pictures or more."
            )
        self.members = [np.flatnonzero(labels == number) for number in usable]
        weights = np.sqrt([len(member) for member in self.members])
        self.weights = weights / weights.sum()
        self.count, self.config, self.seed = len(labels), config, seed

    def rows(self, step: int) -> Numbers:
        """Positions (classes x per_class + batch,) in the training set; pictures of one class stand together."""
        draw = np.random.default_rng([self.seed, step])
        chosen = draw.choice(len(self.members), self.config.classes, replace=False, p=self.weights)
        parts = [draw.choice(self.members[number], self.config.per_class, replace=False) for number in chosen]
        rest = draw.choice(self.count, self.config.batch, replace=self.config.batch > self.count)
        return np.concatenate([*parts, rest]).astype(np.int64)


def sampler_for(pictures: PictureSet, config: SamplingConfig, *, seed: int) -> Sampler:
    """The sampler that the config names."""
    if config.kind == "balanced":
        return Balanced(pictures.labels, config, seed=seed)
    return Shuffled(len(pictures), batch=config.batch, seed=seed)
