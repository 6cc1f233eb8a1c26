"""The two networks of PP-OCR on OpenVINO, with the weights that an optional package brings."""

from __future__ import annotations

import functools
import importlib.util
import math
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray

from retrieval.errors import Unavailable
from retrieval.openvino_core import core, ov
from retrieval.reading import detection, recognition
from retrieval.reading.detection import Pixels, Place
from retrieval.reading.lines import TextLine, in_order
from retrieval.reading.recognition import Said

log = structlog.get_logger(__name__)

PACKAGE = "rapidocr"  # only its folder of weights is read; nothing of it is imported
DETECTOR, RECOGNISER = "PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx"
CHARACTERS = ["framework", "character"]  # where the recogniser's file lists what it knows, a line each
MISSING = "reading_missing"
LEAST_SCORE = 0.5  # of a line that is kept
MOST_SHORT_SIDE, MOST_PIXELS = 1_024, 2_000_000  # of a picture that is read


def short_side(width: int, height: int) -> int:
    """Return how large the short side of a picture of this size should be decoded to be read."""
    return max(1, min(MOST_SHORT_SIDE, math.isqrt(MOST_PIXELS * min(width, height) // max(width, height))))


def is_installed() -> bool:
    """Tell whether the weights are there; nothing is imported for it."""
    return _folder() is not None


def read(pixels: Pixels) -> list[TextLine]:
    """Read the lines of an upright picture, uint8 (H, W, 3), in the order of reading.

    Printed lines in the characters that the recogniser knows. Raises Unavailable (``reading_missing``) without weights.
    """
    return _reader().read(pixels)


def _folder() -> Path | None:
    found = importlib.util.find_spec(PACKAGE)
    folders = [Path(place) / "models" for place in (found.submodule_search_locations or ())] if found else []
    return next(
        (folder for folder in folders if all((folder / name).is_file() for name in (DETECTOR, RECOGNISER))), None
    )


@functools.cache
def _reader() -> Reader:
    folder = _folder()
    if folder is None:
        raise Unavailable(
            "Words in pictures are not read here; the operator runs `make extras`.", code="reading_missing"
        )
    log.info("reader_loaded", weights=PACKAGE)
    return Reader(folder / DETECTOR, folder / RECOGNISER)


class Reader:
    """A detector and a recogniser, compiled."""

    def __init__(self, detector: Path, recogniser: Path) -> None:
        self._detector = _compiled(core().read_model(detector))
        model = core().read_model(recogniser)
        self._characters = ["", *model.get_rt_info(CHARACTERS).astype(str).split("\n"), " "]  # the first is the blank
        self._recogniser = _compiled(model)

    def read(self, pixels: Pixels) -> list[TextLine]:
        """As ``read`` of the module."""
        height, width = pixels.shape[:2]
        probability = self._detector(detection.prepared(pixels))[0][0, 0]
        places = detection.places(probability, size=(width, height))
        ways = [place.ways() for place in places]
        said = iter(self._said(pixels, [way for each in ways for way in each]))
        best = [max((next(said) for _ in each), key=lambda one: one.score) for each in ways]
        read = zip(places, best, strict=True)
        return in_order(_line(place, one, (width, height)) for place, one in read if _tells(one))

    def _said(self, pixels: Pixels, places: list[Place]) -> list[Said]:
        lines = [recognition.straightened(pixels, place) for place in places]
        found: dict[int, Said] = {}
        for positions in recognition.batches(lines):
            probabilities = self._recogniser(recognition.together([lines[position] for position in positions]))[0]
            found |= zip(positions, (recognition.said(each, self._characters) for each in probabilities), strict=True)
        return [found[position] for position in range(len(lines))]


def _compiled(model: ov.Model) -> ov.CompiledModel:
    return core().compile_model(model, "CPU", {"PERFORMANCE_HINT": "LATENCY"})


def _tells(said: Said) -> bool:
    return said.score >= LEAST_SCORE and bool(said.text.strip())


def _line(place: Place, said: Said, size: tuple[int, int]) -> TextLine:
    shares: NDArray[np.float32] = np.clip(place.corners / np.array(size, np.float32), 0, 1)
    (left, top), (right, bottom) = shares.min(axis=0).tolist(), shares.max(axis=0).tolist()
    return TextLine(said.text.strip(), left, top, right - left, bottom - top, said.score)
