"""Vectors of the regions of pictures in collections that keep them: made picture by picture, in turns of seconds."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from retrieval import live_encoders
from retrieval.errors import RetrievalError
from retrieval.ingest import Asker, Part, files, folder_mark, sandbox
from retrieval.matching import boxes
from retrieval.models import Encoder, Image
from retrieval.search import Vector, stored, vectors
from retrieval.work import turns


def lacking() -> QuerySet[Image]:
    """Return the living pictures that should have vectors of their regions and have none yet, in a fixed order."""
    encoder = Encoder.objects.active()
    if encoder is None:
        return Image.objects.none()
    wanted = Image.objects.alive().filter(collection__regions=True, collection__deleted_at=None)
    return wanted.filter(stored.lacks_regions(encoder)).order_by("pk")


def work() -> bool:
    """Make and store vectors for some seconds, one commit a picture; return whether more is left.

    A picture that cannot be read any more keeps its whole one alone, for good; one that a decoder had no time for is
    left for the next turn. Two workers at once do some pictures twice, and nothing else. Raises WeightsError.
    """
    return turns.take(lacking, _put, event="regions_made")


def _put(image: Image) -> bool:
    """Make and store one picture's; False where that has to wait."""
    encoder = Encoder.objects.active()
    found = None if encoder is None else _found(image, encoder=encoder)
    if encoder is None or found is None:
        return False
    with transaction.atomic():
        there = Image.objects.select_for_update(no_key=True).filter(pk=image.pk).exists()
        whole = stored.one(encoder, image.pk) if there else None
        if whole is not None:
            stored.put_regions(encoder, image.pk, [whole, *found])
    return whole is not None


def _found(image: Image, *, encoder: Encoder) -> list[Vector] | None:
    """The vectors of a picture's regions; none of one that cannot be read, None where that has to wait."""
    try:
        pixels = sandbox.pixels(
            files.original(image.sha256), part=Part.of(image), asker=Asker.behind(image.uploader_id)
        )
    except FileNotFoundError:
        folder_mark.require()  # else this host is at fault, and no picture
        return []
    except RetrievalError as error:
        return None if error.code in sandbox.PASSING else []
    cut = [box.cut(pixels) for box in boxes(image.width, image.height)]
    return vectors.one_by_one(live_encoders.for_row(encoder).encode(cut))
