"""Pictures of one colour with files, thumbnails and vectors, and an encoder that sees nothing but the mean colour."""

from __future__ import annotations

import hashlib
import io

import numpy as np
from PIL import Image as Pillow

from retrieval.ingest import files
from tests.factories import ImageFactory
from tests.search.rows import embed

COLOURS = {"red": (220, 20, 30), "pink": (230, 120, 130), "green": (20, 200, 40), "blue": (30, 40, 210)}


class MeanColour:
    """Stands in for the network."""

    def encode(self, images):
        return np.array([image.reshape(-1, 3).mean(axis=0) + 1 for image in images], dtype=np.float32)

    def places(self, image):
        """Two rows and two columns, each of which adds its part of the mean colour."""
        halves = [np.array_split(row, 2, axis=1) for row in np.array_split(image, 2, axis=0)]
        shares = [[(part.reshape(-1, 3).sum(axis=0) + part[..., 0].size) for part in row] for row in halves]
        return np.array(shares, dtype=np.float32) / image[..., 0].size


def png(colour="red", *, size=(60, 40), mark=0):
    """The bytes of a picture of one colour; another ``mark`` gives other bytes."""
    image = Pillow.new("RGB", size, COLOURS.get(colour, colour))
    image.putpixel((0, 0), (mark % 256, mark // 256 % 256, 7))
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def upload(colour="red", *, name="query.png", **options):
    """The same as a file to be posted."""
    file = io.BytesIO(png(colour, **options))
    file.name = name
    return file


def put(collection, colour="red", *, encoder=None, data=None, **fields):
    """Put a picture with its files into a collection; without an encoder it waits to be embedded."""
    data = data or png(colour, mark=hash(fields.get("title", "")) % 60_000)
    fields = {"title": colour, "bytes": len(data), "width": 60, "height": 40, **fields}
    image = ImageFactory(collection=collection, sha256=hashlib.sha256(data).hexdigest(), **fields)
    thumbnails = [files.thumbnail(image.pk, image.sha256, size=size) for size in (320, 1280)]
    for path in (files.original(image.sha256), *thumbnails):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    if encoder:
        raw = MeanColour().encode([np.array(Pillow.open(io.BytesIO(data)).convert("RGB"))])
        embed([image], encoder=encoder, raw=raw)
    return image
