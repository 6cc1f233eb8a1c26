"""Local features of a picture: where corners and blobs are, and what is around them, in a few kB."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from retrieval.errors import RetrievalError

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

KEPT = 320  # of a stored picture; a query is not kept and has more
ASKED = 600
LONG_SIDE = 512  # at most, in pixels, of what is looked at; a smaller picture is enlarged up to SHORT_SIDE
SHORT_SIDE = 256
MOST_ENLARGED = 4.0
CONTRAST = 0.02
# A third of the places for each band of sizes, so that a copy a quarter as wide still has something in common.
BANDS = (0.0, 5.0, 11.0, np.inf)  # diameters in pixels of the looked-at picture
BLUR = 3.0  # pixels, before colours are read

# Which of the 128 coefficients of a transformed descriptor are kept, the most telling first, and how far each spreads:
# measured over 34,000 descriptors of photographs.
COEFFICIENTS = np.array(
    [1, 9, 2, 3, 34, 17, 25, 8, 4, 11, 66, 10, 42, 35, 0, 41, 36, 32, 33, 74, 12, 49, 98, 19, 50, 16, 44, 5, 18, 43, 89,
     73, 64, 106, 40, 67, 82, 57, 7, 114, 20, 81, 13, 65, 68, 52, 6, 51]
)  # fmt: skip
SPREADS = np.array(
    [0.177, 0.163, 0.15, 0.147, 0.132, 0.118, 0.115, 0.105, 0.1, 0.096, 0.092, 0.091, 0.088, 0.084, 0.081,
     0.079, 0.078, 0.076, 0.075, 0.074, 0.073, 0.072, 0.065, 0.064, 0.063, 0.058, 0.057, 0.056, 0.055, 0.054,
     0.052, 0.051, 0.05, 0.05, 0.05, 0.049, 0.049, 0.049, 0.049, 0.048, 0.046, 0.046, 0.046, 0.046, 0.044,
     0.043, 0.043, 0.042],
    np.float32,
)  # fmt: skip
CENTRE = np.array(
    [0.134, 0, 0, 0.163, 0, -0.103, 0, 0, 0, 0, 0, 0, 0.045, 0, 0.748, 0, 0, 0, 0, 0, 0, 0, 0, -0.047, 0,
     -0.091, 0, 0.038, 0, 0, 0, 0, -0.068, -0.012, 0, -0.037, 0, 0, 0.036, 0, 0, 0.015, 0, -0.012, 0, 0, 0, 0],
    np.float32,
)  # fmt: skip
LEVELS = 15  # of a coefficient, four bits
RANGE = 2.5  # standard deviations that the levels span to either side

HEADER = struct.Struct("<BHHH")  # version, number, width and height of the upright picture, in 1/65535 of its long side
VERSION = 1
NONE = HEADER.pack(VERSION, 0, 0xFFFF, 0xFFFF)  # as packed, of a picture that could not be looked at


@dataclass(frozen=True)
class LocalFeatures:
    """N features of one upright picture.

    ``points`` (N, 2) are x and y, ``sizes`` (N,) diameters, both in units of the picture's long side; ``angles`` (N,)
    in degrees, clockwise from the x axis; ``descriptors`` (N, D) compact RootSIFT, of length 1; ``colours`` (N, 3)
    the blurred red, green and blue there, 0 to 255. ``width`` and ``height`` are the picture's, the longer of them 1.
    """

    width: float
    height: float
    points: Floats
    sizes: Floats
    angles: Floats
    descriptors: Floats
    colours: Floats

    def __len__(self) -> int:
        return len(self.points)

    def mirrored(self) -> LocalFeatures:
        """What the picture turned over its vertical middle would have, without looking at it again."""
        points = self.points * np.array([-1, 1], np.float32) + np.array([self.width, 0], np.float32)
        return replace(self, points=points, angles=(180 - self.angles) % 360, descriptors=self.descriptors * MIRROR)


def extract(pixels: Pixels, *, most: int = KEPT) -> LocalFeatures:
    """Find at most ``most`` features of decoded pixels uint8 (H, W, 3); a picture without corners has none.

    SIFT (Lowe: Distinctive image features from scale-invariant keypoints, 2004) with the square root of Arandjelovic,
    Zisserman: Three things everyone should know to improve object retrieval (2012), in a fixed cosine basis of which
    the strongest coefficients are kept. In that basis a mirrored picture differs by signs only.
    """
    looked_at = _resized(pixels)
    height, width = looked_at.shape[:2]
    grey = cv2.cvtColor(looked_at, cv2.COLOR_RGB2GRAY)
    sift = cv2.SIFT.create(contrastThreshold=CONTRAST)
    found = _chosen(sift.detect(grey), most=most)
    # OpenCV fails when asked for none in a narrow picture.
    raw = sift.compute(grey, found)[1] if found else np.empty((0, 128), np.float32)
    sides = np.array(pixels.shape[1::-1], np.float32) / max(pixels.shape[:2])
    scale = sides / [width, height]
    points = np.array([keypoint.pt for keypoint in found], np.float32).reshape(-1, 2)
    return LocalFeatures(
        width=float(sides[0]),
        height=float(sides[1]),
        points=(points * scale).astype(np.float32),
        sizes=np.array([keypoint.size * scale.max() for keypoint in found], np.float32),
        angles=np.array([keypoint.angle for keypoint in found], np.float32),
        descriptors=_compact(np.asarray(raw, np.float32)),
        colours=_colours(looked_at, points),
    )


def pack(features: LocalFeatures) -> bytes:
    """Write features down, 33 bytes each; what is read back differs by rounding only."""
    header = HEADER.pack(VERSION, len(features), round(65535 * features.width), round(65535 * features.height))
    return header + _rows(features).tobytes()


def unpack(data: bytes) -> LocalFeatures:
    """Read what ``pack`` wrote. Raises RetrievalError (``features_invalid``) for other bytes."""
    version, count, width, height = HEADER.unpack_from(data) if len(data) >= HEADER.size else (0, 0, 0, 0)
    if version != VERSION or len(data) != HEADER.size + count * ROW.itemsize:
        raise RetrievalError("These are no local features.", code="features_invalid")
    rows = np.frombuffer(data, ROW, offset=HEADER.size)
    return LocalFeatures(
        width=width / 65535,
        height=height / 65535,
        points=np.asarray(rows["point"] / 65535, np.float32),
        sizes=np.exp2(rows["size"].astype(np.float32) / 20 - 12),
        angles=rows["angle"].astype(np.float32) * (360 / 256),
        descriptors=_unit(TWO_OF_A_BYTE[PAIRS, rows["levels"]].reshape(count, len(COEFFICIENTS))),
        colours=rows["colour"].astype(np.float32),
    )


# As stored: positions in 1/65535 of the long side, sizes in twentieths of an octave, angles in 256ths of a turn.
ROW = np.dtype(
    [
        ("point", "<u2", 2),
        ("size", "u1"),
        ("angle", "u1"),
        ("colour", "u1", 3),
        ("levels", "u1", len(COEFFICIENTS) // 2),
    ]
)


def _two_of_a_byte() -> Floats:
    """The two coefficients that each byte of a row means, by its place and value (D / 2, 256, 2)."""
    values = np.arange(256)
    levels = np.stack([values & 15, values >> 4], axis=1)[None]
    spreads, centre = SPREADS.reshape(-1, 1, 2), CENTRE.reshape(-1, 1, 2)
    return np.asarray((levels / LEVELS * 2 - 1) * RANGE * spreads + centre, np.float32)


TWO_OF_A_BYTE = _two_of_a_byte()
PAIRS = np.arange(len(TWO_OF_A_BYTE))


def _rows(features: LocalFeatures) -> NDArray[np.void]:
    rows = np.empty(len(features), ROW)
    rows["point"] = np.clip(np.rint(features.points * 65535), 0, 65535)
    rows["size"] = np.clip(np.rint((np.log2(np.maximum(features.sizes, 2**-12)) + 12) * 20), 0, 255)
    rows["angle"] = np.rint(features.angles * (256 / 360)).astype(np.int64) % 256
    rows["colour"] = np.clip(np.rint(features.colours), 0, 255)
    scaled = (features.descriptors - CENTRE) / (RANGE * SPREADS)
    levels = np.clip(np.rint((scaled + 1) / 2 * LEVELS), 0, LEVELS).astype(np.uint8)
    rows["levels"] = levels[:, 0::2] | levels[:, 1::2] << 4
    return rows


def _resized(pixels: Pixels) -> Pixels:
    """As large as features are looked for in: a small picture is enlarged, as SIFT finds nothing in it else."""
    height, width = pixels.shape[:2]
    scale = min(LONG_SIDE / max(width, height), max(1.0, min(SHORT_SIDE / min(width, height), MOST_ENLARGED)))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if size == (width, height):
        return pixels
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, size, interpolation=kind), np.uint8)


def _chosen(keypoints: Sequence[cv2.KeyPoint], *, most: int) -> list[cv2.KeyPoint]:
    """The strongest of each band of sizes, in turns, so that no band crowds out another."""
    ranked: list[tuple[int, float, cv2.KeyPoint]] = []
    for low, high in pairwise(BANDS):
        band = [keypoint for keypoint in keypoints if low <= keypoint.size < high]
        band.sort(key=lambda keypoint: -keypoint.response)
        ranked += [(place, -keypoint.response, keypoint) for place, keypoint in enumerate(band)]
    return [keypoint for *_, keypoint in sorted(ranked, key=lambda each: each[:2])[:most]]


def _compact(raw: Floats) -> Floats:
    """SIFT (N, 128) -> RootSIFT in the cosine basis, the kept coefficients as unit vectors (N, D)."""
    sums = np.maximum(raw.sum(axis=1, keepdims=True), 1)
    return _unit(np.asarray(np.sqrt(raw / sums) @ BASIS.T, np.float32))


def _unit(rows: Floats) -> Floats:
    """Rows (N, D) divided by their lengths."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6), np.float32)


def _colours(looked_at: Pixels, points: Floats) -> Floats:
    """The colour (N, 3) around each of the points (N, 2), in pixels."""
    blurred = cv2.GaussianBlur(looked_at, (0, 0), BLUR)
    height, width = blurred.shape[:2]
    x = np.clip(np.rint(points[:, 0]).astype(int), 0, width - 1)
    y = np.clip(np.rint(points[:, 1]).astype(int), 0, height - 1)
    return np.asarray(blurred[y, x], np.float32)


def _cosines(count: int) -> Floats:
    """The orthonormal cosine transform (count, count)."""
    places = np.arange(count)
    rows = np.cos(np.pi * (2 * places + 1) * places[:, None] / (2 * count))
    return _unit(np.asarray(rows, np.float32))


def _waves(count: int) -> Floats:
    """The orthonormal Fourier transform (count, count) of real circles: constant, cosine and sine of each frequency."""
    turns = 2 * np.pi * np.arange(count) / count
    rows = [np.ones(count)]
    for frequency in range(1, count // 2):
        rows += [np.cos(frequency * turns), np.sin(frequency * turns)]
    return _unit(np.array([*rows, np.cos(count // 2 * turns)], np.float32))


# SIFT's 128 numbers are 4 rows x 4 columns x 8 directions. Turned over, the rows are in reverse and each direction is
# its opposite, which turns the sign of odd cosines over rows and of sines over directions.
BASIS = np.einsum("ir,jc,ko->ijkrco", _cosines(4), _cosines(4), _waves(8)).reshape(128, 128)[COEFFICIENTS]
MIRROR = np.where((COEFFICIENTS // 32 % 2 == 1) ^ np.isin(COEFFICIENTS % 8, (2, 4, 6)), -1, 1).astype(np.float32)
