"""Matches of features are those of a literal comparison of all with all, and no map is sought that cannot be found."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.matching import geometry, local_features
from retrieval.matching.geometry import ALIKE, APART, RATIO
from retrieval.matching.local_features import LocalFeatures
from tests.matching.conftest import extracted, pixels, scene


def features(picture):
    return local_features.unpack(local_features.pack(extracted(pixels(picture))))


def literally(query, result):
    """Each other's nearest, alike enough, and clearly nearer than the next one elsewhere."""
    alike, found = query.descriptors @ result.descriptors.T, []
    for one in range(len(query)):
        other = int(alike[one].argmax())
        if alike[:, other].argmax() != one or alike[one, other] <= ALIKE:
            continue
        elsewhere = np.linalg.norm(result.points - result.points[other], axis=1) >= APART
        if 1 - alike[one, other] < RATIO**2 * (1 - alike[one][elsewhere].max(initial=-1)):
            found.append((one, other))
    return found


@pytest.mark.parametrize("other", [scene(5).resize((200, 150)), scene(6)])
def test_matches_are_those_of_a_literal_comparison(other):
    one, two = features(scene(5)), features(other)
    assert geometry.matched(one, two).tolist() == [list(pair) for pair in literally(one, two)]


def test_descriptors_are_read_as_their_formula_says():
    data = local_features.pack(extracted(pixels(scene(5))))
    rows = np.frombuffer(data, local_features.ROW, offset=local_features.HEADER.size)
    for row, read in zip(rows[:20], local_features.unpack(data).descriptors, strict=False):
        levels = [level for byte in row["levels"].tolist() for level in (byte & 15, byte >> 4)]
        raw = [
            (level / local_features.LEVELS * 2 - 1) * local_features.RANGE * spread + centre
            for level, spread, centre in zip(levels, local_features.SPREADS, local_features.CENTRE, strict=True)
        ]
        np.testing.assert_allclose(read, np.array(raw) / np.linalg.norm(raw), atol=1e-6)


def test_no_map_is_sought_for_matches_that_lie_in_one_place(monkeypatch):
    count = 12
    one = LocalFeatures(
        width=1.0, height=1.0, points=np.full((count, 2), 0.5, np.float32), sizes=np.full(count, 0.1, np.float32),
        angles=np.zeros(count, np.float32), descriptors=np.eye(count, 48, dtype=np.float32),
        colours=np.zeros((count, 3), np.float32),
    )  # fmt: skip
    assert len(geometry.matched(one, one)) == count
    monkeypatch.delattr(geometry, "_homography")
    assert geometry.align(one, one) is None
