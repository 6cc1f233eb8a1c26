"""Colour profiles (ICC): bring a picture's colours to sRGB, and write the profile that a PNG's numbers stand for."""

from __future__ import annotations

import functools
import io
import struct
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

Pair = tuple[float, float]

SRGB = ImageCms.createProfile("sRGB")
LAB = ImageCms.createProfile("LAB")
FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
# The colours that a profile may be of, and the modes of pictures that it then fits.
SPACES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
CLASSES = {"scnr", "mntr", "prtr", "spac"}
UNUSABLE = (ImageCms.PyCMSError, OSError, ValueError, TypeError, AttributeError)
# A profile that moves no colour further than this, of 255, is sRGB by another name.
SAME = 2
KEPT = 8

# White and primaries of sRGB as x and y: IEC 61966-2-1. White of the space between profiles (D50) as X, Y, Z: ICC.1.
SRGB_WHITE: Pair = (0.3127, 0.3290)
SRGB_PRIMARIES: tuple[Pair, Pair, Pair] = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
D50 = np.array([0.9642, 1.0, 0.8249])
# Bradford: from X, Y, Z to the eye's three answers; ICC.1:2022, annex E.
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Return the picture in sRGB, perceptual with black point; as it is when the profile is broken or fits it not.

    ``image``: L, RGB, RGBA or CMYK. Grey becomes RGB where its profile is one of colours.
    """
    name = _mode(profile)
    if image.mode == "L" and name == "RGB":
        image = image.convert("RGB")
    if name != image.mode.removesuffix("A"):
        return image
    transform = _transform(profile, image.mode)
    return image if transform is None else _applied(transform, image)


def from_lab(image: Image.Image) -> Image.Image:
    """Return a picture in CIELab as sRGB."""
    return _applied(ImageCms.buildTransform(LAB, SRGB, "LAB", "RGB", ImageCms.Intent.PERCEPTUAL, flags=FLAGS), image)


@functools.lru_cache(KEPT)
def _mode(profile: bytes) -> str:
    """The mode of the pictures that the profile is for; empty when it is broken, or of another kind."""
    try:
        core = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile
        return SPACES.get(core.xcolor_space, "") if core.device_class in CLASSES else ""
    except UNUSABLE:
        return ""


@functools.lru_cache(KEPT)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The way to sRGB; none when the profile does not give one, or when it leads nowhere."""
    shown = "RGBA" if mode == "RGBA" else "RGB"
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(opened, SRGB, mode, shown, ImageCms.Intent.PERCEPTUAL, flags=FLAGS)
        return None if mode == "RGB" and _changes_nothing(transform) else transform
    except UNUSABLE:
        return None


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    levels = np.arange(0, 256, 51, dtype=np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
    found = np.asarray(_applied(transform, Image.fromarray(colours)))
    return bool(np.abs(found.astype(int) - colours).max() <= SAME)


def _applied(transform: ImageCms.ImageCmsTransform, image: Image.Image) -> Image.Image:
    found = ImageCms.applyTransform(image, transform)
    if found is None:
        raise TypeError("the transform gave no picture")
    return found


def matrix_profile(
    gamma: float, *, white: Pair = SRGB_WHITE, primaries: tuple[Pair, Pair, Pair] = SRGB_PRIMARIES
) -> bytes:
    """Write the profile of a display with these primaries whose light goes as sample ** (1 / gamma).

    ``gamma`` is what a PNG's gAMA chunk says. ICC.1:2022, sections 7.2, 8.3.3 and 10.18. Raises ValueError for colours
    that span no space.
    """
    columns = _adapted(white, primaries).T
    curve = b"para" + bytes(8) + _fixed([1 / gamma])
    tags = {
        b"desc": b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", 2, 28) + "-".encode("utf-16-be"),
        b"wtpt": b"XYZ \0\0\0\0" + _fixed(D50),
        **{name: b"XYZ \0\0\0\0" + _fixed(column) for name, column in zip(COLUMNS, columns, strict=True)},
        **dict.fromkeys(CURVES, curve),
    }
    return _profile(tags)


COLUMNS, CURVES = (b"rXYZ", b"gXYZ", b"bXYZ"), (b"rTRC", b"gTRC", b"bTRC")


def _adapted(white: Pair, primaries: tuple[Pair, Pair, Pair]) -> NDArray[np.float64]:
    """The matrix from linear RGB to X, Y, Z under D50 (SMPTE RP 177, then Bradford)."""
    if not all(y > 0 for _, y in (white, *primaries)):
        raise ValueError("a colour without light")
    corners = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in primaries]).T
    light = np.array([white[0] / white[1], 1.0, (1 - white[0] - white[1]) / white[1]])
    if abs(np.linalg.det(corners)) < 1e-6:
        raise ValueError("primaries on one line")
    scaled = corners * np.linalg.solve(corners, light)
    gain = (BRADFORD @ D50) / (BRADFORD @ light)
    return np.asarray(np.linalg.inv(BRADFORD) @ np.diag(gain) @ BRADFORD @ scaled)


def _fixed(values: Iterable[float]) -> bytes:
    """Numbers as s15Fixed16."""
    try:
        return b"".join(struct.pack(">i", round(value * 65_536)) for value in values)
    except struct.error as error:
        raise ValueError("a number out of bounds") from error


def _profile(tags: dict[bytes, bytes]) -> bytes:
    at = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        padded = content + bytes(-len(content) % 4)
        table += struct.pack(">4sII", name, at + len(body), len(content))
        body += padded
    head = struct.pack(">I4sI4s4s4s", at + len(body), b"\0\0\0\0", 0x04200000, b"mntr", b"RGB ", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + _fixed(D50) + bytes(48)
    return head + table + body
