"""What training sees and what it made, to be looked at: views by a config's augmentation, and what a run draws."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image as Picture

from retrieval import training
from retrieval.embedding import Pixels
from retrieval.errors import Conflict, InvalidInput, RetrievalError
from retrieval.ingest import Part, sandbox, store
from retrieval.models import Image, TrainingRun
from retrieval.services.encoders.training import KIND, TrainingRequest
from retrieval.services.images import collections
from retrieval.services.people import rights

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from torch import Tensor

CONTENT_TYPE = "image/png"
PICTURES, VIEWS = 6, 7
MOST_DRAWN = 16
DRAWING = ("gan", "autoencoder")
# Near a picture: how many, how far from it (0 not at all, 1 anywhere), and how long the one most like it is looked for.
LIKE, SPREAD, STEPS = 6, 0.4, 100
SOUGHT = 2  # pictures at a time: each is looked for through as many steps


def views(request: TrainingRequest, *, user: User) -> bytes:
    """Six pictures of the collection, each as it is and as the first steps of a run see it, as one PNG.

    For administrators. Raises InvalidInput naming the field of the config, or where no picture can be read.
    """
    rights.require_administrator(user, to="train encoders")
    collections.find(request.collection.pk, user=user)
    config = training.RunConfig.from_dict(request.config)
    rows = Image.objects.visible_to(user).filter(collection=request.collection).order_by("pk")
    contents = list(rows.values_list("sha256", flat=True))
    some = [store.original(content) for content in contents[:: max(1, len(contents) // PICTURES)][:PICTURES]]
    pictures = training.from_arrays(map(_decoded, some), [""] * len(some), side=config.data.stored_size)
    if not len(pictures):
        raise InvalidInput.of("collection", "There is no picture to show it by.")
    return _png(training.augmented(config, pictures, views=VIEWS))


def drawn(row: TrainingRun, *, count: int, seed: int) -> bytes:
    """``count`` pictures, 16 at most, from the generator of a finished GAN run, as one PNG; the same for the same seed.

    Raises InvalidInput naming the field, and Conflict where the run left no generator.
    """
    _require_count(count)
    if not 0 <= seed < 2**63:
        raise InvalidInput.of("seed", "The seed must be from 0 to below 2^63.")
    if row.recipe != "gan":
        raise Conflict("Only a finished run of the recipe gan can draw.", code="draws_nothing")
    return _png([training.drawing.samples(_artist(row), count, seed=seed)])


def drawn_like(row: TrainingRun, image: Image, *, count: int = LIKE, seed: int = 0) -> bytes:
    """A picture, and what a finished run makes of it, as one PNG: the same for the same seed.

    A GAN draws the picture most like it and ``count`` near that; an autoencoder redraws it from its vector. Raises as
    ``drawn``, and what decoding raises.
    """
    _require_count(count)
    artist, picture = _artist(row), sandbox.pixels(store.original(image.sha256), part=Part.of(image))
    if row.recipe == "autoencoder":
        return _png([_redrawn(artist, picture)])
    like = training.drawing.Near(count, SPREAD, training.Inversion(STEPS, seed=seed))
    return _png([training.drawing.near(artist, picture, like=like)])


def _redrawn(artist: training.Artist, picture: Pixels) -> Tensor:
    try:
        return training.drawing.rebuilt(artist, picture)
    except InvalidInput as error:
        raise Conflict(error.message, code="draws_nothing") from error


def examples(row: TrainingRun, *, user: User) -> list[Image]:
    """Return a few pictures of the run's collection to draw like; none where the run draws nothing."""
    if not draws(row) or row.collection is None:
        return []
    most = SOUGHT if row.recipe == "gan" else PICTURES
    return list(Image.objects.visible_to(user).filter(collection=row.collection).order_by("pk")[:most])


def draws(row: TrainingRun) -> bool:
    """Did this run leave a generator?"""
    return row.recipe in DRAWING and row.encoder_id is not None


def _artist(row: TrainingRun) -> training.Artist:
    if not draws(row):
        raise Conflict("Only a finished run of the recipes gan and autoencoder can draw.", code="draws_nothing")
    try:
        return training.drawing.load(KIND.folder_of(row), recipe=row.recipe)
    except InvalidInput as error:  # an autoencoder's run of before decoders were kept
        raise Conflict(error.message, code="draws_nothing") from error


def _require_count(count: int) -> None:
    if not 1 <= count <= MOST_DRAWN:
        raise InvalidInput.of("count", f"Between 1 and {MOST_DRAWN} pictures can be drawn.")


def _decoded(path: Path) -> Pixels | str:
    try:
        return sandbox.pixels(path)
    except (RetrievalError, OSError) as error:
        return str(error)


def _png(rows: Sequence[Tensor]) -> bytes:
    out = io.BytesIO()
    Picture.fromarray(training.drawing.sheet(rows)).save(out, "PNG")
    return out.getvalue()
