"""Bring every colour mode to plain 8-bit RGB in sRGB."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from retrieval.ingest import deep, profiles
from retrieval.ingest.deep import PLAIN, Depth
from retrieval.ingest.transparency import flattened

Shrink = Callable[[Image.Image], Image.Image]
DIRECT = {"L", "RGB", "RGBA", "CMYK"}
WITH_ALPHA = {"RGBA", "RGBa", "LA", "La", "PA"}


@dataclass(frozen=True, eq=False)
class Raster:
    """A decoded picture as it is stored, and what its file says of the numbers in it.

    ``profile``: an ICC profile, empty for sRGB. ``depth``: how samples of more than 8 bits are read.
    """

    image: Image.Image
    profile: bytes = b""
    depth: Depth = PLAIN


def to_rgb(raster: Raster, shrink: Shrink) -> Image.Image:
    """Return the picture as 8-bit RGB in sRGB, without any metadata, on a ground that lets it be seen.

    ``shrink`` makes the picture as small as is wanted. A profile is applied after it, as each pixel costs much.
    """
    image = _eight_bits(raster)
    if raster.profile or image.mode == "LAB":
        image = _in_srgb(shrink(image), raster.profile)
    rgb = flattened(image) if image.mode == "RGBA" else image.convert("RGB")
    rgb.info = {}
    return rgb


def _eight_bits(raster: Raster) -> Image.Image:
    """Return the picture as L, RGB, RGBA, CMYK or LAB."""
    image = raster.image
    if image.mode == "F" or image.mode.startswith("I"):
        return _deep_grey(raster)
    if image.mode in WITH_ALPHA or image.has_transparency_data:
        return _straight(image).convert("RGBA")
    return image if image.mode in DIRECT | {"LAB"} else image.convert("L" if image.mode == "1" else "RGB")


def _straight(image: Image.Image) -> Image.Image:
    """Colours that were multiplied by their opacity, as they are; Pillow brings grey no further than this."""
    return image.convert("LA") if image.mode == "La" else image


def _deep_grey(raster: Raster) -> Image.Image:
    samples = np.asarray(raster.image)
    grey = Image.fromarray(deep.to_bytes(samples, raster.depth))
    transparent = raster.image.info.get("transparency")
    if transparent is None:
        return grey
    grey.putalpha(Image.fromarray(np.where(samples == transparent, 0, 255).astype(np.uint8)))
    return grey.convert("RGBA")


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    return profiles.from_lab(image) if image.mode == "LAB" else profiles.to_srgb(image, profile)
