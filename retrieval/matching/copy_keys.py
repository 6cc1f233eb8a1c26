"""Keys by which copies find each other: whole numbers that a picture and its copy share, and strangers seldom do.

Two kinds. *Corner keys* are the signs of a local feature's strongest coefficients: about one feature in ten of a copy
keeps its key, however the copy was cropped, turned or resized, while two strangers share about one key in thirty
pairs. *Print keys* are pieces of the fingerprint (PDQ): two hashes that differ in few bits have a piece in common.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from retrieval.matching.local_features import CENTRE, LocalFeatures

Keys = NDArray[np.int64]
Bits = NDArray[np.bool_]

SIGNS = 36  # of a descriptor's coefficients, the strongest first
SIDE = 16  # a fingerprint is 16 x 16 frequencies, a piece of it one row
# Of each kind of key so many are compared in detail, the likeliest first.
MOST = 12
LEAST_SHARED = 2  # corner keys: of photographs two strangers share so many in one pair of a thousand
NEAR = 64  # bits of 256: copies, also those turned and mirrored by signs alone, differ in fewer, strangers in about 128


def of_corners(features: LocalFeatures) -> list[int]:
    """The keys of a stored picture's features, each once, ascending; fewer than 2^36."""
    signs = features.descriptors[:, :SIGNS] > CENTRE[:SIGNS]
    keys: Keys = np.unique(signs @ (1 << np.arange(SIGNS, dtype=np.int64)))
    return [int(key) for key in keys]


def asked_corners(features: LocalFeatures) -> list[int]:
    """The keys to look for: of the features as they are, and as they would be in the mirrored picture."""
    return sorted({*of_corners(features), *of_corners(features.mirrored())})


def of_print(pdq: str) -> list[int]:
    """The sixteen keys of a fingerprint, 256 zeros and ones; none for a picture that has none (too little in it)."""
    return _pieces(_bits(pdq)) if pdq else []


def asked_prints(turned: Iterable[str]) -> list[int]:
    """The keys to look for: of a fingerprint in all its turns."""
    return sorted({key for pdq in turned for key in of_print(pdq)})


def turns(pdq: str) -> list[str]:
    """The fingerprints of the picture in its eight turns and mirrorings, as far as the fingerprint alone tells.

    A bit says whether a frequency is above the median. To mirror a picture turns the sign of every second frequency;
    the bits of those near the median, which is not quite 0, may then be wrong. To transpose it transposes the hash.
    """
    odd = np.arange(SIDE) % 2 == 1
    ways = itertools.product((_bits(pdq), _bits(pdq).T), (False, True), (False, True))
    found = (plain ^ (odd[:, None] & rows) ^ (odd[None, :] & columns) for plain, rows, columns in ways)
    return ["".join(np.where(bits.ravel(), "1", "0")) for bits in found]


def _bits(pdq: str) -> Bits:
    return np.asarray(np.frombuffer(pdq.encode(), np.uint8) == ord("1"), bool).reshape(SIDE, SIDE)


def _pieces(bits: Bits) -> list[int]:
    """Each row as a number, with its place."""
    rows = bits @ (1 << np.arange(SIDE, dtype=np.int64))
    return [int(row) + (place << SIDE) for place, row in enumerate(rows)]
