"""Drawing with a GAN run's generator: pictures from nothing, or like given ones, as one sheet in one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from retrieval.embedding import Pixels
from retrieval.errors import InvalidInput
from retrieval.ingest import sandbox
from retrieval.progress import Progress
from retrieval.training import Inversion, drawing

ENDINGS = (".png", ".webp")
WEBP_SIDE = 16_383
MOST = 256
_COLUMNS = 16


@dataclass(frozen=True)
class DrawingRequest:
    """What to draw: ``count`` pictures, or as many near each of ``like``.

    ``spread``: how far from it, 0 not at all, 1 anywhere. ``steps``: how long to look for each.
    """

    count: int = 16
    like: Sequence[Path] = ()
    seed: int = 0
    spread: float = 0.4
    steps: int = Inversion.steps

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MOST:
            raise InvalidInput.of("count", f"Between 1 and {MOST} pictures can be drawn.")
        if not 0 <= self.spread <= 1:
            raise InvalidInput.of("spread", "The spread must be from 0 to 1.")
        if self.steps < 1:
            raise InvalidInput.of("steps", "There must be at least 1 step.")
        if not 0 <= self.seed < 2**63:
            raise InvalidInput.of("seed", "The seed must be from 0 to below 2^63.")


def draw(folder: Path, request: DrawingRequest, *, out: Path, progress: Progress) -> None:
    """Draw with the generator of a GAN run's folder, and write the sheet to ``out``.

    A row for each picture of ``request.like``: itself, what the generator makes of it, and others near that. Raises
    InvalidInput naming the field, WeightsError for altered files, UnsupportedPicture for what is no picture.
    """
    _require_file(out)
    pictures = [(path.name, _decoded(path)) for path in request.like]
    artist = drawing.load(folder)
    _require_room(request, side=artist.generator.side, out=out)
    like = drawing.Near(request.count, request.spread, Inversion(request.steps, seed=request.seed))
    rows = [drawing.near(artist, picture, like=like, watch=partial(progress, name)) for name, picture in pictures]
    rows = rows or list(torch.split(drawing.samples(artist, request.count, seed=request.seed), _COLUMNS))
    save(rows, out)


def require_count(pictures: int, views: int) -> None:
    """Raise InvalidInput for a sheet of nothing, or of more pictures than anybody looks at."""
    if pictures < 1 or views < 1 or pictures * (1 + views) > MOST:
        raise InvalidInput.of("count", f"A sheet has at least one picture and one view, and at most {MOST} in all.")


def save(rows: Sequence[Tensor], out: Path) -> None:
    """Write rows of pictures (N, 3, S, S) in 0..1 as one sheet; raises InvalidInput where that cannot be."""
    _require_file(out)
    try:
        Image.fromarray(drawing.sheet(rows)).save(out, lossless=True)
    except (OSError, ValueError) as error:
        raise InvalidInput.of("out", f"{out} cannot be written: {getattr(error, 'strerror', '') or error}.") from error


def _require_file(out: Path) -> None:
    if out.suffix.lower() not in ENDINGS or not out.parent.is_dir():
        raise InvalidInput.of("out", f"{out} must be a {' or '.join(ENDINGS)} file in a folder that is there.")


def _require_room(request: DrawingRequest, *, side: int, out: Path) -> None:
    """Raise InvalidInput before anything is drawn that the file cannot hold."""
    columns = 2 + request.count if request.like else min(request.count, _COLUMNS)
    size = drawing.sheet_size(len(request.like) or -(-request.count // _COLUMNS), columns, side=side)
    if out.suffix.lower() == ".webp" and max(size) > WEBP_SIDE:
        width, height = size
        text = f"A sheet of {width} x {height} pixels is no .webp, which has at most {WEBP_SIDE} a side; name a .png."
        raise InvalidInput.of("count" if width > WEBP_SIDE else "out", text)


def _decoded(path: Path) -> Pixels:
    try:
        return sandbox.pixels(path)
    except OSError as error:
        raise InvalidInput.of("like", f"{path} cannot be read: {error.strerror}.") from error
