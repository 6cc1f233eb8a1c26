"""Lay a picture with transparent parts on the ground on which it can be seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WHITE, DARK = 255, 40
# A pixel counts from so much opacity on, and is seen from so far off the ground on, both of 255.
VISIBLE, TOLD_APART = 16, 24
# White is the ground of most pages: another is chosen only for what is all but lost on it.
LOST = 0.1
LOOKED_AT = 256


def flattened(image: Image.Image) -> Image.Image:
    """Return an RGBA picture as RGB.

    White shows through, or a dark grey when next to nothing could be told from white. A picture that is transparent
    everywhere is shown as if it were not: some programs write zeros where they mean no alpha.
    """
    least, most = image.getchannel("A").getextrema()
    if most == 0 or least == 255:
        return image.convert("RGB")
    ground = Image.new("RGBA", image.size, (*[_ground(image)] * 3, 255))
    return Image.alpha_composite(ground, image).convert("RGB")


def _ground(image: Image.Image) -> int:
    width, height = image.size
    step = max(1, max(width, height) // LOOKED_AT)
    pixels = np.asarray(image)[::step, ::step].reshape(-1, 4).astype(np.int32)
    pixels = pixels[pixels[:, 3] >= VISIBLE]
    on_white = _seen(pixels, WHITE)
    return DARK if on_white < LOST and _seen(pixels, DARK) > on_white else WHITE


def _seen(pixels: NDArray[np.int32], ground: int) -> float:
    """The share of the pixels that can be told from this ground once they lie on it."""
    if not len(pixels):
        return 1.0
    away = np.abs(pixels[:, :3] - ground).max(axis=1) * pixels[:, 3] // 255
    return float((away >= TOLD_APART).mean())
