"""Pictures with corners and blobs, drawn from a seed, and their local features: each made once in a process."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageDraw

from retrieval.matching import local_features

_find = local_features.extract


def scene(seed, size=(320, 240)):
    """A picture of overlapping shapes on an uneven ground."""
    return _drawn(seed, size).copy()


@cache
def _drawn(seed, size):
    draw = np.random.default_rng(seed)
    ground = draw.integers(60, 200, (6, 8, 3), dtype=np.uint8)
    picture = Image.fromarray(ground).resize(size, Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(picture)
    for _ in range(70):
        x, y = draw.integers(0, size[0]), draw.integers(0, size[1])
        w, h = draw.integers(6, 50, 2)
        shape = pen.ellipse if draw.random() < 0.5 else pen.rectangle
        shape((int(x), int(y), int(x + w), int(y + h)), fill=tuple(int(c) for c in draw.integers(0, 256, 3)))
    return picture


def pixels(picture):
    return np.asarray(picture.convert("RGB"))


def extracted(found, *, most=local_features.KEPT):
    """As ``local_features.extract``, for tests of what is done with its answer."""
    return _extracted(found.tobytes(), found.shape, most)


@cache
def _extracted(data, shape, most):
    return _find(np.frombuffer(data, np.uint8).reshape(shape), most=most)


@pytest.fixture
def details_once(monkeypatch):
    """The product finds the features of the same pixels once in a process."""
    monkeypatch.setattr(local_features, "extract", extracted)
