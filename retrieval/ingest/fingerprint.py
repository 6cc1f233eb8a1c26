"""Fingerprints: SHA-256 of the bytes for sameness, PDQ of the picture for near copies."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import pdqhash
from numpy.typing import NDArray
from PIL import Image

LEAST_QUALITY = 50


def sha256(data: bytes) -> str:
    """Return the SHA-256 of the bytes, 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def pdq(image: Image.Image) -> bytes:
    """Return the PDQ hash (256 bits as 32 bytes) of an RGB picture, empty for one with too little in it.

    Two pictures are near copies up to a Hamming distance of about 31. Below quality 50 the hash is not to be trusted:
    all plain pictures would look alike. https://github.com/facebook/ThreatExchange/tree/main/pdq (hashing.pdf).
    """
    bits, quality = pdqhash.compute(np.asarray(image))
    return np.packbits(bits.astype(bool)).tobytes() if quality >= LEAST_QUALITY else b""


def of_query(pixels: NDArray[np.uint8], *, side: int) -> str:
    """Return the PDQ hash of decoded pixels (H, W, 3) as ``bit_text``, empty as ``pdq``.

    They are made as small first (long side) as what the hashes of stored pictures were taken of: of small pictures the
    hash changes with their size.
    """
    return text_of(small(pixels, side=side))


def small(pixels: NDArray[np.uint8], *, side: int) -> Image.Image:
    """Return decoded pixels (H, W, 3) as a picture of this long side at most."""
    image = Image.fromarray(pixels)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return image


def text_of(image: Image.Image) -> str:
    """Return what ``pdq`` returns as ``bit_text``, or empty."""
    found = pdq(image)
    return bit_text(found) if found else ""


def apart(one: str, other: str) -> int:
    """Return in how many bits two hashes, as ``bit_text``, differ."""
    return (int(one, 2) ^ int(other, 2)).bit_count()


def bit_text(hash_bytes: bytes) -> str:
    """Write a hash as zeros and ones, as a ``bit(256)`` column takes it."""
    return "".join(f"{byte:08b}" for byte in hash_bytes)


def thumbnail_digests(thumbnails: Mapping[int, bytes]) -> dict[str, str]:
    """Long side, as text, -> SHA-256 of each thumbnail, as ``Image.thumbnail_digests`` keeps them."""
    return {str(size): sha256(data) for size, data in thumbnails.items()}
