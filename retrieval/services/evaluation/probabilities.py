"""Whether an encoder's probabilities hold: what its calibration says of an evaluation's first answers, and what is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from retrieval.evaluation import RELEVANT, Trial, protocol, ranking
from retrieval.matching import Calibration, Reliability, reliability
from retrieval.models import Encoder

Doubles = NDArray[np.float64]
Numbers = NDArray[np.int64]
Mask = NDArray[np.bool_]

CALIBRATED = "cosine"  # the measure whose scores calibrations are of


def curve(encoder: Encoder, trial: Trial) -> Sequence[Reliability] | None:
    """The curve of calibration over the first answers (``plan.depth`` of them) of every query that was asked.

    What the encoder's calibration says of each answer's cosine, among as many candidates as its query had, is held
    against whether it is right, tenth by tenth (``matching.reliability``). Queries without a right answer count: people
    ask such ones too. By judgements only answers that somebody judged count. None for an encoder without a calibration,
    and for another measure than cosine. Raises InvalidInput for a calibration that is none.
    """
    if not encoder.calibration or trial.plan.measure != CALIBRATED:
        return None
    calibration, candidates = Calibration.from_dict(encoder.calibration), _candidates(trial)
    scorer = ranking.scorer(trial.asked.vectors, trial.gallery.vectors, measure=CALIBRATED)
    said, right = [], []
    for rows in ranking.blocks(len(trial.asked), len(trial.gallery)):
        top = trial.outcome.top[rows]
        counted, suits = _judged(trial, rows, top)
        cosines = np.take_along_axis(scorer.scores(rows), top, axis=1)
        said.append(_probabilities(calibration, cosines, candidates[rows])[counted])
        right.append(suits[counted])
    return reliability(np.concatenate(said), np.concatenate(right))


def _candidates(trial: Trial) -> Numbers:
    """How many pictures each query (Q,) could have been given: without itself, and its group where that is hidden."""
    itself = trial.queries is None or trial.grades is not None
    hidden = np.full(len(trial.asked), int(itself))
    if trial.plan.group_rule == "exclude":
        groups, own = trial.gallery.group_numbers, trial.asked.group_numbers
        sizes = np.bincount(groups[groups != protocol.ALONE], minlength=max(own.max(), 0) + 1)
        hidden = np.where(own == protocol.ALONE, hidden, sizes[own])
    return np.asarray(len(trial.gallery) - hidden)


def _judged(trial: Trial, rows: slice, top: Numbers) -> tuple[Mask, Mask]:
    """Which of the first answers (rows, depth) count, as they are there and were judged, and which are right."""
    there = top >= 0
    if trial.grades is None:
        return there, trial.gallery.labels[top] == trial.asked.labels[rows, None]
    grades = np.take_along_axis(trial.grades.table(rows, width=len(trial.gallery)), top, axis=1)
    return there & ~np.isnan(grades), np.nan_to_num(grades) >= RELEVANT


def _probabilities(calibration: Calibration, cosines: NDArray[np.floating], candidates: Numbers) -> Doubles:
    """What is said of cosines (Q, depth) whose queries had so many candidates (Q,)."""
    said = np.empty(cosines.shape)
    for count in np.unique(candidates):
        here = candidates == count
        said[here] = calibration.probability(cosines[here], candidates=int(count))
    return said
