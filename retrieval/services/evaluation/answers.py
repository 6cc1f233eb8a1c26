"""Measure what searches make of an encoder: refusals, probabilities, the gain of looking further; nothing is stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import InvalidInput
from retrieval.evaluation import LabelledSet, Match, Plan, ranking
from retrieval.matching import (
    Calibration,
    Exemplar,
    Further,
    Moments,
    Refusals,
    Reliability,
    Sample,
    fit,
    neighbourhood,
    open_set,
    reliability,
)
from retrieval.models import Encoder
from retrieval.progress import Progress
from retrieval.search import vectors
from retrieval.services.evaluation.labelled import Folder

Floats = NDArray[np.float32]

HITS = 24  # of each query whose probabilities are held against what they are
MIXED = "all as one"
MEAN = "mean of the sets"
LOOKING, SMOOTH = "expand + LDA", "neighbourhood"


class Named(NamedTuple):
    """A labelled set with unit vectors (N, D), and its name."""

    name: str
    items: LabelledSet


@dataclass(frozen=True)
class OpenSet:
    """One set: near (each class left out in turn), strangers (the other sets; None without any), probabilities.

    ``said`` by the encoder's calibration, None without one; ``refitted`` by two fitted on one half of the pictures
    each, of the hits of the other half, which asks itself: None where a half is too small.
    """

    name: str
    near: Refusals
    strangers: Refusals | None
    said: Sequence[Reliability] | None
    refitted: Sequence[Reliability] | None


@dataclass(frozen=True)
class Gain:
    """Mean average precision of one set, 0 to 1, by the steps taken: the first is the plain search."""

    name: str
    steps: Mapping[str, float]


def load(encoder: Encoder, folders: Sequence[Folder], *, progress: Progress) -> list[Named]:
    """Decode and encode these folders of class folders. Raises InvalidInput for one without readable pictures."""
    found = [(folder.name, folder.load([encoder], progress=progress).galleries[0]) for folder in folders]
    return [Named(name, replace(items, vectors=_units(items.vectors))) for name, items in found]


def open_sets(encoder: Encoder, sets: Sequence[Named]) -> Iterator[OpenSet]:
    """Ask each set for what it does not hold: its own classes left out, and the other sets' pictures."""
    calibration = Calibration.from_dict(encoder.calibration) if encoder.calibration else None
    least = calibration.nothing_below if calibration else None
    for one in sets:
        items, labels = one.items.vectors, one.items.labels
        hopeful = open_set.all_closeness(items, items, hidden=np.eye(len(items), dtype=bool))
        near = open_set.all_closeness(items, items, hidden=labels[:, None] == labels)
        others = [open_set.all_closeness(each.items.vectors, items) for each in sets if each is not one]
        yield OpenSet(
            one.name,
            near=open_set.refusals(hopeful, near, nothing_below=least),
            strangers=open_set.refusals(hopeful, np.concatenate(others), nothing_below=least) if others else None,
            said=reliability(*_judged(_sample(one.items), calibration)) if calibration else None,
            refitted=_refitted(one.items),
        )


def calibration_of(encoder: Encoder) -> Calibration:
    """Return what looking further needs. Raises InvalidInput for an encoder without a calibration."""
    if not encoder.calibration:
        raise InvalidInput.of("name", "Without a calibration a search cannot look further; see calibrate_encoder.")
    return Calibration.from_dict(encoder.calibration)


def gains(calibration: Calibration, sets: Sequence[Named], *, smooth: bool = True) -> Iterator[Gain]:
    """Each set on its own and, where there are several, all as one gallery: right is the same class of the same set.

    Without ``smooth``, as for vectors that are smoothed already, the steps that smooth are left out.
    """
    for name, items in [*sets, *([Named(MIXED, mixed(sets))] if len(sets) > 1 else [])]:
        scorers = _further(items.vectors, calibration) | (_smoothed(items.vectors, calibration) if smooth else {})
        yield Gain(name, {step: _mean_precision(items, scorer) for step, scorer in scorers.items()})


def mean(alone: Sequence[Gain]) -> Gain:
    """The mean of sets measured one by one, at least one."""
    return Gain(MEAN, {step: float(np.mean([each.steps[step] for each in alone])) for step in alone[0].steps})


def _further(units: Floats, calibration: Calibration) -> dict[str, ranking.Scores]:
    """What ranks a gallery of unit vectors (N, D) for each of them, by step."""
    still = Exemplar(np.zeros(units.shape[1]), np.eye(units.shape[1]))
    return {
        "plain": ranking.scorer(units, units, measure="cosine"),
        "expand": Further(units, units, still, calibration, itself=True),
        LOOKING: Further(units, units, Exemplar.of(Moments.of(units)), calibration, itself=True),
    }


def _smoothed(units: Floats, calibration: Calibration) -> dict[str, ranking.Scores]:
    """The same of the gallery smoothed, as an encoder stores it that smooths these vectors."""
    found = _further(_units(neighbourhood.of_gallery(units)), calibration)
    return {SMOOTH: found["plain"], f"{SMOOTH} + {LOOKING}": found[LOOKING]}


def mixed(sets: Sequence[Named]) -> LabelledSet:
    """All sets as one, each class under its set's name."""
    starts = np.cumsum([0, *(len(each.items.classes) for each in sets)])
    return LabelledSet(
        vectors=np.concatenate([each.items.vectors for each in sets]),
        labels=np.concatenate([each.items.labels + start for each, start in zip(sets, starts, strict=False)]),
        classes=tuple(f"{each.name}/{name}" for each in sets for name in each.items.classes),
        items=tuple(f"{each.name}/{name}" for each in sets for name in each.items.items),
    )


def _mean_precision(items: LabelledSet, scorer: ranking.Scores) -> float:
    outcome = Match(items, items, plan=Plan(), scorer=scorer).run()
    return float(outcome.scores[outcome.judged, outcome.names.index("mAP")].mean())


def _refitted(items: LabelledSet) -> Sequence[Reliability] | None:
    """Each half's hits by what was fitted on the other: no picture is in both, and both are of one size."""
    drawn = np.random.default_rng(0).permutation(len(items)) < len(items) // 2
    halves = [_sample(items).only(half) for half in (drawn, ~drawn)]
    try:
        fitted = [fit(half) for half in halves]
    except InvalidInput:
        return None
    found = [_judged(half, other) for half, other in zip(halves, reversed(fitted), strict=True)]
    said, right = (np.concatenate(each) for each in zip(*found, strict=True))
    return reliability(said, right)


def _sample(items: LabelledSet) -> Sample:
    return Sample(np.asarray(items.vectors, np.float32), items.labels, np.zeros(len(items), np.int64))


def _judged(sample: Sample, calibration: Calibration) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What is said of the first hits of each picture among the others, one after the other, and which are right."""
    scores = sample.vectors @ sample.vectors.T
    np.fill_diagonal(scores, -np.inf)
    first = ranking.ranked(scores)[:, : min(HITS, len(scores) - 1)]
    right = sample.labels[first] == sample.labels[:, None]
    said = calibration.probability(np.take_along_axis(scores, first, axis=1), candidates=len(scores) - 1)
    return said.ravel(), right.ravel()


def _units(raw: NDArray[np.floating]) -> Floats:
    return vectors.unit(np.asarray(raw, np.float32)).vectors
