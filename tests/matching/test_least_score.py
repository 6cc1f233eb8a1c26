"""Where a probability begins: the least score that is likely enough, against a look at every score."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.matching import Calibration
from retrieval.matching.curves import Curve

CALIBRATION = Calibration(
    Curve((-1.0, 0.0, 1.0), (0.0, -2.0, -8.0)), Curve((-6.0, -4.0, -1.0), (0.9, 0.5, 0.1)), 1.0, 0.0, {}
)


@pytest.mark.parametrize("probability", [0.2, 0.5, 0.77, 0.9])
@pytest.mark.parametrize("candidates", [1, 100])
def test_it_is_the_first_score_that_is_likely_enough(probability, candidates):
    scores = np.linspace(-1, 1, 20_001)
    enough = scores[CALIBRATION.probability(scores, candidates=candidates) >= probability]
    assert CALIBRATION.least_score(probability, candidates=candidates) == pytest.approx(enough[0], abs=2e-4)


def test_where_no_score_is_enough_it_is_above_all_scores():
    assert CALIBRATION.least_score(0.95, candidates=1) > 1
