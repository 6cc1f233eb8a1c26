"""A concept as a direction: ridge logistic regression over unit vectors, and each example's score without itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retrieval.errors import InvalidInput

Doubles = NDArray[np.float64]

RIDGE = 0.1
# The background holds right ones too, one in four where there are four kinds of picture. Who has chosen wrong ones
# needs it less: with so many of them it counts half.
ENOUGH = 24
MOST_STEPS, ARRIVED = 50, 1e-7  # of Newton's method, and the length of a step that ends it
SHORTEST = 2.0**-30  # part of a step
SLIGHT = 1e-9  # ridge of the offset, which only keeps the system soluble
LEAST = 2  # examples of either kind that tell anything
# Of ``knows``; set by looking at some 190 states of clicking through the evaluation sets, so hopeful there.
SUGGESTS, WELL = 0.8, 0.95
MOST_DOUBTED = 200  # of the nearest, among which doubtful ones are looked for


class Grasp(StrEnum):
    """How well a concept is known: too few examples to tell, badly, enough to suggest but not to decide, well."""

    UNKNOWN = "unknown"
    POOR = "poor"
    SUGGESTS = "suggests"
    WELL = "well"


@dataclass(frozen=True)
class Examples:
    """Unit vectors: ``right`` (P, D), ``wrong`` (N, D), and ``background`` (B, D), drawn at random, taken for wrong.

    Each that a person chose counts 1, right or wrong; the background together as much as all right ones where no wrong
    one was chosen, and less with each of those.
    """

    right: NDArray[np.floating]
    wrong: NDArray[np.floating]
    background: NDArray[np.floating]

    @property
    def vectors(self) -> Doubles:
        """All of them (P + N + B, D), in this order."""
        return np.concatenate([self.right, self.wrong, self.background]).astype(np.float64)

    @property
    def signs(self) -> Doubles:
        """1 for the right ones, -1 for the others (P + N + B,)."""
        return np.repeat([1.0, -1.0], [len(self.right), len(self.wrong) + len(self.background)])

    @property
    def weights(self) -> Doubles:
        """What each counts (P + N + B,)."""
        right, wrong, drawn = len(self.right), len(self.wrong), len(self.background)
        together = right * ENOUGH / (ENOUGH + wrong)
        return np.repeat([1.0, 1.0, together / max(drawn, 1)], [right, wrong, drawn])


@dataclass(frozen=True)
class Logistic:
    """The chance that a unit vector u is right: 1 / (1 + exp(-(w.u + b))), with ``direction`` w (D,) and ``offset`` b.

    ``without`` (P + N + B,) are the margins w.u + b of the examples, each by a model fitted without it.
    """

    direction: Doubles
    offset: float
    without: Doubles

    def margins(self, units: NDArray[np.floating]) -> Doubles:
        """w.u + b (n,) of unit vectors (n, D): positive where right is likelier than wrong."""
        return np.asarray(units, np.float64) @ self.direction + self.offset


def fit(examples: Examples) -> Logistic:
    """Fit w and b: the least of sum_i c_i log(1 + exp(-y_i (w.u_i + b))) + RIDGE / 2 |w|^2, by Newton's method.

    Raises InvalidInput (yes, no) without a right example, or without a wrong one and background.
    """
    if not len(examples.right):
        raise InvalidInput.of("yes", "Give at least one picture that is it.")
    if not len(examples.wrong) + len(examples.background):
        raise InvalidInput.of("no", "Give at least one picture that is not it.")
    vectors = examples.vectors
    basis, rows = _reduced(vectors)
    problem = _Problem(np.column_stack([rows, np.ones(len(rows))]), examples.signs, examples.weights)
    found = problem.least()
    direction = found[:-1] if basis is None else basis @ found[:-1]
    return Logistic(direction, float(found[-1]), problem.without(found))


def knows(examples: Examples, found: Logistic) -> float | None:
    """How well it knows: the chance that a chosen right one ranks before a chosen wrong one, each held out.

    That is the area under the ROC curve (J. Hanley, B. McNeil, 1982). None with fewer than two of either. The
    background has no part in it: who knows how much of it is right.
    """
    right, chosen = len(examples.right), len(examples.right) + len(examples.wrong)
    if right < LEAST or chosen - right < LEAST:
        return None
    good, bad = found.without[:right, None], found.without[None, right:chosen]
    return float((good > bad).mean() + (good == bad).mean() / 2)


def grasp(knows: float | None) -> Grasp:
    """How well it knows, in a word."""
    if knows is None:
        return Grasp.UNKNOWN
    if knows < SUGGESTS:
        return Grasp.POOR
    return Grasp.SUGGESTS if knows < WELL else Grasp.WELL


def to_ask(margins: ArrayLike, *, most: int) -> list[int]:
    """Which of these pictures would teach the most: half the likeliest, half the most doubtful of the rest.

    ``margins`` (n,) fall. Doubtful ones are of the first MOST_DOUBTED (uncertainty sampling; D. Lewis, W. Gale, 1994).
    """
    likeliest = -(-most // 2)
    falling = np.asarray(margins, np.float64)
    rest = np.abs(falling[likeliest:MOST_DOUBTED])
    doubtful = likeliest + np.argsort(rest, kind="stable")[: most - likeliest]
    return [*range(min(likeliest, len(falling))), *doubtful.tolist()]


def _reduced(vectors: Doubles) -> tuple[Doubles | None, Doubles]:
    """The vectors (n, D) in a basis (D, n) of what they span, where they are fewer than their dimensions.

    The least direction lies in that span, as the ridge only makes what is outside of it smaller.
    """
    if len(vectors) >= vectors.shape[1]:
        return None, vectors
    basis, _ = np.linalg.qr(vectors.T)
    return basis, vectors @ basis


@dataclass(frozen=True)
class _Problem:
    """Rows a_i = (u_i, 1) (n, d), signs y (n,), weights c (n,)."""

    rows: Doubles
    signs: Doubles
    weights: Doubles

    def least(self) -> Doubles:
        """The solution (d,): w and b."""
        at = np.zeros(self.rows.shape[1])
        for _ in range(MOST_STEPS):
            step = self._step(at)
            at = at + step
            if np.abs(step).max() < ARRIVED:
                break
        return at

    def without(self, found: Doubles) -> Doubles:
        """Margins (n,), each without its own example: one Newton step from the solution that has it.

        With q_i = a_i H^-1 a_i, H the Hessian, g and h the first two derivatives of c_i times the loss by the margin m:
        m + q g / (1 - q h) (K. Rahnama Rad, A. Maleki: approximate leave-one-out, 2020).
        """
        margins = self.rows @ found
        slope, curve = self._derivatives(margins)
        leverage = np.einsum("nd,dn->n", self.rows, np.linalg.solve(self._hessian(curve), self.rows.T))
        return np.asarray(margins + leverage * slope / np.maximum(1 - leverage * curve, SLIGHT))

    def _step(self, at: Doubles) -> Doubles:
        """Newton's step (d,) from there, halved until it goes down."""
        slope, curve = self._derivatives(self.rows @ at)
        step = -np.linalg.solve(self._hessian(curve), self.rows.T @ slope + self._ridge * at)
        here, longest = self._loss(at), np.abs(step).max()
        while self._loss(at + step) > here and np.abs(step).max() > SHORTEST * longest:
            step = step / 2
        return np.asarray(step)

    @property
    def _ridge(self) -> Doubles:
        return np.append(np.full(self.rows.shape[1] - 1, RIDGE), SLIGHT)

    def _loss(self, at: Doubles) -> float:
        losses = np.logaddexp(0, -self.signs * (self.rows @ at))
        return float(self.weights @ losses + self._ridge @ at**2 / 2)

    def _derivatives(self, margins: Doubles) -> tuple[Doubles, Doubles]:
        """First and second derivative (n,) of each weighted loss by its margin."""
        wrong = 1 / (1 + np.exp(self.signs * margins))
        return np.asarray(-self.weights * self.signs * wrong), np.asarray(self.weights * wrong * (1 - wrong))

    def _hessian(self, curve: Doubles) -> Doubles:
        return np.asarray((self.rows * curve[:, None]).T @ self.rows + np.diag(self._ridge))
