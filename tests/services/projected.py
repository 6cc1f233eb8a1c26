"""A small world for projections: an active encoder, and a collection whose pictures all have vectors of it."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from PIL import Image as Picture

from retrieval.embedding import Encoder, EncoderSpec, checkpoint
from retrieval.models import Collection, EncoderState, Image
from retrieval.models import Encoder as Row
from retrieval.services.encoders import weights
from retrieval.services.images import images
from retrieval.services.images.image_fields import ImageChanges
from retrieval.work import jobs
from tests.factories import CollectionFactory, UserFactory

SPEC = EncoderSpec("mobilenet_v2", image_size=32, widths=(32, *[16] * 16, 24))
PICTURES = 12


def beginning(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep all files in a folder, and run encoders by torch alone."""
    kept = replace(settings.IMAGESEARCH, data_dir=folder, weights_dir=folder / "weights")
    monkeypatch.setattr(settings, "IMAGESEARCH", kept)
    monkeypatch.setattr("retrieval.embedding.use_quickest", lambda encoder, **_: encoder)


def world() -> Collection:
    """Make an administrator's collection of pictures of three tags, all embedded by the active encoder ``source``."""
    source()
    row = CollectionFactory(owner=UserFactory(is_staff=True, is_superuser=True))
    for number in range(PICTURES):
        add(row, number)
    work_off()
    return row


def source() -> Row:
    """Make the active encoder."""
    file = settings.IMAGESEARCH.data_dir / "source.safetensors"
    checkpoint.save(Encoder(SPEC), file)
    row = weights.register("source", file)
    row.state = EncoderState.ACTIVE
    row.save()
    return row


def add(collection: Collection, number: int) -> Image:
    """A picture of noise over one of three colours; its tag is the colour."""
    chance = np.random.default_rng(number)
    pixels = chance.integers(0, 120, (32, 32, 3), dtype=np.uint8)
    pixels[:: 2 + number % 5, :, number % 3] = 250
    out = io.BytesIO()
    Picture.fromarray(pixels).save(out, "PNG")
    texts = ImageChanges(tags=(("red", "green", "blue")[number % 3],), group_key=f"case {number // 3}")
    upload = images.Upload(io.BytesIO(out.getvalue()), f"{number}.png", texts)
    return images.add(upload, user=collection.owner, collection=collection).image


def work_off() -> None:
    """Embed all that is due."""
    while jobs.more_due():
        jobs.embed()
