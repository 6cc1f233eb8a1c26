"""Pictures with corners and blobs, drawn from a seed: what local features live on."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw


def scene(seed, size=(320, 240)):
    """A picture of overlapping shapes on an uneven ground."""
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
