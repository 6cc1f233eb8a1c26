"""Bring every colour mode to plain 8-bit RGB."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WHITE = (255, 255, 255, 255)
SIXTEEN_BITS = 65535


def to_rgb(image: Image.Image) -> Image.Image:
    """Return the picture as 8-bit RGB without any metadata; transparent parts show white.

    Deep grey pictures keep their range: 16-bit values lose their low byte, float values between 0 and 1 are
    scaled, and wider floats are stretched from their least to their greatest value.
    """
    if image.mode == "F" or image.mode.startswith("I"):
        rgb = Image.fromarray(_to_bytes(np.asarray(image))).convert("RGB")
    elif image.has_transparency_data:
        picture = image.convert("RGBA")
        rgb = Image.alpha_composite(Image.new("RGBA", picture.size, WHITE), picture).convert("RGB")
    else:
        rgb = image.convert("RGB")
    rgb.info = {}
    return rgb


def _to_bytes(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Scale one deep channel (H, W) to 0..255."""
    if values.dtype.kind != "f":
        return np.asarray(np.clip(values, 0, SIXTEEN_BITS) // 256, np.uint8)
    finite = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(finite.min()), float(finite.max())
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    return np.asarray(np.rint((finite - low) * (255 / ((high - low) or 1.0))), np.uint8)
